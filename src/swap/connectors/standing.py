"""How SWAP stands with a source: when what it relies on there ends, and what its accounts may do beside reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Standing:
    """What a check of a source saw; of several servers and accounts, what ends first, and all rights there are."""

    certificate_ends: datetime | None = None
    """When the server's certificate ends, where there is one."""
    ticket_ends: datetime | None = None
    """When SWAP's Kerberos ticket ends, where it has one; it is renewed before."""
    excess: tuple[str, ...] = ()
    """Rights of SWAP's accounts that reading does not need, in the store's own words."""

    def plain(self) -> dict[str, Any]:
        """Return the same as JSON can hold it."""
        ends = (self.certificate_ends, self.ticket_ends)
        return {"ends": [each and each.timestamp() for each in ends], "excess": list(self.excess)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Standing:
        """Return what `plain` was made from."""
        certificate, ticket = (None if each is None else datetime.fromtimestamp(each, UTC) for each in plain["ends"])
        return cls(certificate, ticket, tuple(plain["excess"]))

    def beside(self, other: Standing) -> Standing:
        """Return both as one."""
        certificates = [each.certificate_ends for each in (self, other) if each.certificate_ends]
        tickets = [each.ticket_ends for each in (self, other) if each.ticket_ends]
        excess = dict.fromkeys((*self.excess, *other.excess))
        return Standing(min(certificates, default=None), min(tickets, default=None), tuple(excess))
