"""What a query reads, held against the policy again and again.

Before it runs, while it runs, and when its result is read.

A kept result is as closed as the columns it came from: who loses a right loses what was read under it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from swap.errors import Forbidden, Problem
from swap.identity import Principal
from swap.people import service as people
from swap.policy.decide import decide
from swap.policy.model import Action, Resource
from swap.query.model import Plan
from swap.settings import Policy


def reads(plan: Plan) -> tuple[Resource, ...]:
    """Return every column that a plan fetches from a source."""
    return tuple(
        Resource(item.source, item.fragment.schema, item.fragment.table, column.name)
        for item in plan.inputs
        if item.fragment is not None
        for column in item.columns
    )


def demand(policy: Policy, principal: Principal, columns: tuple[Resource, ...]) -> None:
    """Let somebody pass who may read all of these columns now.  Raises Forbidden."""
    for column in columns:
        verdict = decide(policy, principal, Action.READ, column)
        if not verdict.allowed:
            table = f"{column.source}.{column.schema}.{column.table}"
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
) -> None:
    """Let somebody pass who may read these columns with the groups they have at this moment.

    Raises Forbidden, NotSignedIn.
    """
    demand(policy, people.principal(conn, principal.id, principal.via, now), columns)


def encode(columns: tuple[Resource, ...]) -> list[list[str]]:
    """Return the columns as `query_run.reads` keeps them."""
    return [list(column.parts) for column in columns]


def decode(kept: list[list[str]]) -> tuple[Resource, ...]:
    """Return the columns that `encode` was given."""
    return tuple(Resource(*each) for each in kept)
