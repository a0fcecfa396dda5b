"""What a query reads, held against the policy again and again: before it runs, meanwhile, and when its result is read.

A kept result is as closed as the columns it came from: who loses a right loses what was read under it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from swap.errors import Forbidden, Problem
from swap.identity import Principal
from swap.people import service as people
from swap.policy.decide import decide as verdict_on
from swap.policy.model import Action, Resource
from swap.query.model import Resolved
from swap.query.planning import refusals
from swap.settings import Policy


def decide(policy: Policy, principal: Principal, resolved: Resolved) -> None:
    """Let a statement pass whose person may read all that it names.  Raises Forbidden that says where it stands."""
    if resolved.closed:
        raise refusals.forbidden(policy, resolved.closed)
    # The names above were told apart with the verdicts of the catalog; what is really read is judged by itself.
    demand(policy, principal, resolved.reads)


def demand(policy: Policy, principal: Principal, columns: tuple[Resource, ...]) -> None:
    """Let somebody pass who may read all of these columns now.  Raises Forbidden."""
    for column in columns:
        # Who may not know of a thing any more may not have what was read of it either.
        verdicts = [verdict_on(policy, principal, action, column) for action in (Action.READ, Action.DISCOVER)]
        verdict = next((each for each in verdicts if not each.allowed), None)
        if verdict is not None:
            table = ".".join(column.parts[:-1])
            raise Forbidden(
                Problem(
                    f"You may no longer read {table}.",
                    why=f"Your rights have changed: the rule {verdict.rule} {verdict.because}.",
                    todo="Run the query again to see what is open to you now.",
                    rule=verdict.rule,
                    ask=verdict.ask or None,
                    source=column.source,
                )
            )


def demand_now(
    conn: Connection, policy: Policy, principal: Principal, columns: tuple[Resource, ...], now: datetime
) -> Principal:
    """Let somebody pass who may read these columns with the groups they have at this moment; return them with these.

    Raises Forbidden, NotSignedIn.
    """
    present = people.again(conn, principal, now)
    demand(policy, present, columns)
    return present


def encode(columns: tuple[Resource, ...]) -> list[list[str]]:
    """Return the columns as `query_run.reads` keeps them."""
    return [list(column.parts) for column in columns]


def decode(kept: list[list[str]]) -> tuple[Resource, ...]:
    """Return the columns that `encode` was given."""
    return tuple(Resource(*each) for each in kept)
