"""Whether this machine and this process can keep people apart as the settings ask."""

from __future__ import annotations

import os
import pwd

from swap.errors import Problem, SettingsError
from swap.launch.limits import NAMES, Groups
from swap.settings import Settings


def require(settings: Settings) -> None:
    """See that the isolation asked for can be had.  Raises SettingsError that says what to do."""
    if settings.launch.isolation == "user" and os.geteuid() != 0:
        raise SettingsError(
            Problem(
                'launch.isolation is "user", and SWAP does not run as root.',
                why="Only root can give each person's server a system user and walls of its own.",
                todo='Start SWAP as root, or set launch.isolation to "none", which keeps nobody apart on this machine.',
            )
        )
    own = settings.launch.own_uids if settings.launch.isolation == "user" else ()
    for uid in filter(is_known, own):
        raise SettingsError(
            Problem(
                f"The system user {uid} is somebody's on this machine, and would be that of programs of SWAP's too.",
                why="What reads people's statements and files owns nothing, so its user may be nobody else's.",
                todo="Set launch.first_uid and launch.uids to a range of ids that are nobody's.",
            )
        )


def is_known(uid: int) -> bool:
    """Tell whether a uid is somebody's on this machine already."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def limits_told(groups: Groups) -> tuple[str, bool]:
    """Return a sentence on which limits a machine's control groups enforce, and whether they enforce all."""
    enforced = [name for name in NAMES.values() if name not in groups.missing]
    said = f"{groups.kind} limits {', '.join(enforced)}" if enforced else "nothing is limited"
    return (f"{said}; not {', '.join(groups.missing)}" if groups.missing else said), not groups.missing
