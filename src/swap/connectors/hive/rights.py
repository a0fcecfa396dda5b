"""What SWAP's own account may do at a Hive beside reading, as far as Hive tells it of itself.

A harvest needs what a Hive asks for a table to be described, SELECT; all else is too much.  A Hive whose rights are
kept elsewhere, in its files, tells of none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from swap.connectors.hive.session import StatementError
from swap.connectors.hive.types import identifier, nameable

Ask = Callable[[str], Iterator[list[list[str]]]]
"""Asks a statement; yields its rows' columns, some rows at a time.  Raises StatementError."""

READING = frozenset({"SELECT"})
_PRIVILEGE, _PASSED_ON = 6, 7
"""Columns of SHOW GRANT: the right, and whether the account may give it to others."""
_EVERYTHING = "do everything, since this Hive checks no rights"
_ADMIN = "admin"
_CHECKS = "hive.security.authorization.enabled"
_AS_PERSON = "hive.server2.enable.doAs"


def excess(ask: Ask, account: str) -> tuple[str, ...]:
    """Return what the account may do beside reading, in Hive's own words; nothing where Hive does not tell."""
    if _setting(ask, _CHECKS) == "false":
        # Then the rights are those of the files; where Hive opens them all as itself, there are none.
        return () if _setting(ask, _AS_PERSON) == "true" else (_EVERYTHING,)
    user = f"USER {identifier(account)}"
    roles = [role for role, *_ in _rows(ask, f"SHOW ROLE GRANT {user}") if nameable(role)]
    found = ["SET ROLE ADMIN" for role in roles if role.casefold() == _ADMIN]
    for whose in (user, *(f"ROLE {identifier(role)}" for role in roles)):
        for row in _rows(ask, f"SHOW GRANT {whose} ON ALL"):
            privilege, passed_on = row[_PRIVILEGE].upper(), row[_PASSED_ON]
            found += [privilege] if privilege not in READING else ["GRANT"] if passed_on == "true" else []
    return tuple(dict.fromkeys(found))


def _setting(ask: Ask, name: str) -> str:
    return "".join(said.partition("=")[2] for said, *_ in _rows(ask, f"SET {name}"))


def _rows(ask: Ask, statement: str) -> list[tuple[str, ...]]:
    """Return the rows of an answer; none where the account may not ask, or where nobody knows."""
    try:
        return [row for piece in ask(statement) for row in zip(*piece, strict=True)]
    except StatementError:
        return []
