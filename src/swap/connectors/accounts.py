"""Which account of a source reads for somebody: one that covers the whole query, never several together.

A source with an account for each group grants each no more than its group needs; two accounts used for
one query would add up to rights that nobody granted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from swap.connectors.base import OnBehalf
from swap.errors import Forbidden, Problem


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a source, for the members of one group, and the tables (schema, name) it may read."""

    name: str
    group: str
    tables: frozenset[tuple[str, str]]


def smallest(accounts: Iterable[Account], on_behalf: OnBehalf, source: str) -> Account:
    """Return the account of the person's groups that reads all the query's tables and the fewest besides.

    Raises Forbidden when there is none.
    """
    able = [each for each in accounts if each.group in on_behalf.groups and on_behalf.tables <= each.tables]
    if not able:
        tables = ", ".join(sorted(f"{source}.{schema}.{name}" for schema, name in on_behalf.tables))
        raise Forbidden(
            Problem(
                f"{source} may not be asked this for you.",
                f"It has no account for a group of yours that reads all of {tables}.",
                "Ask for these tables in statements of their own, or tell whoever runs SWAP.",
                source=source,
            )
        )
    return min(able, key=lambda account: (len(account.tables), account.name))
