"""Who may do what with a notebook: `role` is the one place that decides it.  Pure values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from swap.errors import Invalid, Problem
from swap.identity import Principal


class Role(StrEnum):
    """What somebody may do with a notebook; whoever has one may do what those before it may."""

    VIEW = "view"
    COMMENT = "comment"
    EDIT = "edit"
    MANAGE = "manage"
    OWN = "own"

    def includes(self, other: Role) -> bool:
        """Tell whether this role may do what another may.

        >>> Role.MANAGE.includes(Role.VIEW), Role.VIEW.includes(Role.MANAGE)
        (True, False)
        """
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER = tuple(Role)
OFFERED = (Role.VIEW, Role.COMMENT, Role.EDIT, Role.MANAGE)
"""What can be given.  `OWN` is given to a person alone, and by the owner; it is an offer until it is taken."""


class Kind(StrEnum):
    """With what kind a notebook is shared."""

    PERSON = "person"
    GROUP = "group"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Share:
    """A role that is given: to a person by their id, to a group by its name, or to everyone who may sign in ("")."""

    kind: Kind
    whom: str
    role: Role
    expires_at: datetime | None = None

    def reaches(self, person: Principal, now: datetime) -> bool:
        """Tell whether this gives a person something now, with the groups they have now."""
        if self.expires_at is not None and self.expires_at <= now:
            return False
        if self.kind is Kind.PERSON:
            return self.whom == person.id
        return self.kind is Kind.EVERYONE or self.whom in person.groups


def role(person: Principal, owner_id: str, shares: Iterable[Share], now: datetime) -> Role | None:
    """Return what a person may do with a notebook now, or None: then it does not exist for them.

    >>> from swap.identity import Via
    >>> ann, noon = Principal("ann", "Ann", frozenset({"analysts"}), Via.PORTAL), datetime(2026, 5, 4, 12, tzinfo=UTC)
    >>> role(ann, "bob", [Share(Kind.GROUP, "analysts", Role.VIEW)], noon)
    <Role.VIEW: 'view'>
    >>> role(ann, "bob", [Share(Kind.GROUP, "analysts", Role.VIEW, noon), Share(Kind.PERSON, "eve", Role.OWN)], noon)
    """
    if person.id == owner_id:
        return Role.OWN
    # Whoever is offered a notebook may manage it; it is theirs when they take it.
    given = [min(share.role, Role.MANAGE, key=_ORDER.index) for share in shares if share.reaches(person, now)]
    return max(given, key=_ORDER.index, default=None)


def until(text: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return the end of a day that somebody chose; None without one.  Raises Invalid for a day that is over.

    >>> until("2026-05-04", ZoneInfo("Europe/Berlin"), datetime(2026, 5, 4, 12, tzinfo=UTC))
    datetime.datetime(2026, 5, 4, 22, 0, tzinfo=datetime.timezone.utc)
    """
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
        end = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _no_day() from error
    if end <= now:
        raise _no_day()
    return end


def _no_day() -> Invalid:
    return Invalid(
        Problem(
            "This is no day until which a notebook can be shared.",
            todo="Choose today or a later day, as 2026-12-31, or none. Nothing was changed.",
        )
    )
