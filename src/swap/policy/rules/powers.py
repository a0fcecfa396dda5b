"""A power reaches only what it is for: a Jupyter server's credential saves work, it never asks for data."""

from __future__ import annotations

from collections.abc import Iterator

from swap.identity import Via
from swap.policy.model import Action, Clause, Decision
from swap.settings import Policy

MAY_READ = frozenset({Via.PORTAL, Via.KERNEL, Via.READER, Via.REPORT})


def clauses(policy: Policy, _groups: frozenset[str], via: Via) -> Iterator[Clause]:
    """Yield the refusal of every read through a power that is for something else."""
    if via not in MAY_READ:
        yield Clause(Action.READ, (None,), Decision(False, "powers", f"keeps {via}s from reading data", policy.ask))
