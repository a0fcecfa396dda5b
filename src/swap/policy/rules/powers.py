"""A power reaches only what it is for: a Jupyter server's credential saves work, it never asks for data."""

from __future__ import annotations

from swap.identity import Principal, Via
from swap.policy.model import Action, Decision, Resource
from swap.settings import Policy

MAY_READ = frozenset({Via.PORTAL, Via.KERNEL})


def judge(policy: Policy, principal: Principal, action: Action, resource: Resource) -> Decision | None:
    """Refuse a read through a power that is for something else."""
    if action is not Action.READ or principal.via in MAY_READ:
        return None
    return Decision(False, "powers", f"keeps {principal.via}s from reading data such as {resource}", policy.ask)
