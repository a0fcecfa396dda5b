"""Whose system user is whose: the database says it, and not the process that asks for somebody's server or home."""

from __future__ import annotations

from sqlalchemy import Connection

from swap.errors import Problem, Unavailable
from swap.launch.possible import is_known
from swap.people import service
from swap.settings import Launch


def uid(conn: Connection, launch: Launch, person_id: str) -> int:
    """Return a person's uid, which is theirs alone, given now if it is the first time.

    Raises Unavailable when none is left, or it has become SWAP's own, or is somebody's of this machine.
    """
    found = service.system_user(conn, person_id, launch.uid_range, is_known)
    if found in launch.own_uids:
        raise Unavailable(
            Problem(
                "Your system user is one of SWAP's own by now.",
                why="launch.uids was lowered since it was given to you, and its last seven ids are SWAP's own.",
                todo="Ask the people who run SWAP to raise launch.uids again.",
            )
        )
    if not can_be(found, launch):
        raise Unavailable(
            Problem(
                "Your system user is somebody else's on this machine.",
                why=f"It is {found}, which launch.first_uid and launch.uids leave out.",
                todo="Ask the people who run SWAP to look at it.",
            )
        )
    return found


def can_be(uid: int, launch: Launch) -> bool:
    """Tell whether a uid that the database has can be a person's: the hub's account may write one for who has none."""
    return uid not in launch.own_uids and (uid in launch.uid_range or not is_known(uid))
