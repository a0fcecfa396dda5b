"""Which outputs of a notebook somebody may not see: the one function that decides it, wherever outputs are shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection

from swap import content
from swap.identity import Principal
from swap.notebooks import lineages
from swap.people import service as people
from swap.policy.decide import Book, book, decide_table
from swap.policy.model import Action, Resource
from swap.query import lineage
from swap.query.lineage import Columns
from swap.settings import Policy

UNNAMED = "data you may not see"
JUDGED = 5_000
"""Sets of columns whose verdicts are remembered for the same groups."""
_said: WeakKeyDictionary[Book, dict[bytes, Hidden | None]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Hidden:
    """Why outputs are not shown: data they come from, and whom to ask for it."""

    datasets: tuple[str, ...]
    """As the person may name them; what they may not discover is `UNNAMED`.  None: what they come from is not known."""
    ask: str


def hidden(
    conn: Connection, policy: Policy, person: Principal, notebook_id: str, outputs: Collection[str], now: datetime
) -> dict[str, Hidden]:
    """Return which of these outputs parts of a notebook a person may not see, with the rights they have now.

    The notebook's own person sees all but what somebody else made in it: those lie in their home.  What was never
    recorded is hidden.  Raises NotSignedIn for a person who may not act any more.
    """
    if not outputs:
        return {}
    recorded = lineages.of_notebook(conn, notebook_id, outputs)
    judged = recorded.others if recorded.owner == person.id else frozenset(outputs)
    if not judged:
        return {}
    present = people.again(conn, person, now)
    found = dict.fromkeys(judged, Hidden((), policy.ask))
    for name, verdict in _verdicts(conn, policy, present, recorded.sets).items():
        for digest in judged.intersection(recorded.sets[name]):
            if verdict is None:
                del found[digest]
            else:
                found[digest] = verdict
    return found


def readable(
    conn: Connection, policy: Policy, person: Principal, names: Collection[bytes], now: datetime
) -> set[bytes]:
    """Return those of some sets of columns of which a person may read all, with the rights they have now."""
    if not names:
        return set()
    present = people.again(conn, person, now)
    return {name for name, verdict in _verdicts(conn, policy, present, names).items() if verdict is None}


def would_see(
    conn: Connection, policy: Policy, people: Sequence[Principal], notebook_id: str, outputs: Collection[str]
) -> list[set[str]]:
    """Return which of these outputs parts each of some people would see, if they had the notebook and these groups."""
    recorded = lineages.of_notebook(conn, notebook_id, outputs)
    seen = []
    for person in people:
        verdicts = _verdicts(conn, policy, person, recorded.sets)
        open_ = {part for name, parts in recorded.sets.items() if verdicts[name] is None for part in parts}
        seen.append(open_ | (set(outputs) - recorded.others) if person.id == recorded.owner else open_)
    return seen


def tables(
    conn: Connection, policy: Policy, person: Principal, notebook_id: str, outputs: Collection[str]
) -> tuple[tuple[Resource, ...], bool]:
    """Return the tables that outputs of a notebook come from and a person may know of, and whether there are others."""
    sets = lineages.of_notebook(conn, notebook_id, outputs).sets if outputs else {}
    columns: dict[Resource, set[str]] = defaultdict(set)
    for each in lineage.union(lineage.columns(conn, sets.keys()).values()):
        columns[Resource(each.source, each.schema, each.table)].add(each.column or "")
    known = [
        table
        for table, names in columns.items()
        if decide_table(policy, person, Action.DISCOVER, table, sorted(names))[0].allowed
    ]
    return tuple(sorted(known, key=str)), len(known) < len(columns)


def _verdicts(
    conn: Connection, policy: Policy, person: Principal, names: Collection[bytes]
) -> dict[bytes, Hidden | None]:
    """Return what is said of sets of columns; to the same groups, by the same rules, it is the same for ever."""
    by = book(policy, person)
    said = _said.get(by, {})
    found = {name: said[name] for name in names if name in said}
    if missing := set(names) - found.keys():
        judged = {name: judge(policy, person, each) for name, each in lineage.columns(conn, missing).items()}
        # A new one, for somebody else may be looking into the old one.
        _said[by] = judged if len(said) > JUDGED else said | judged
        found |= judged
    return found


def instead(why: Hidden) -> dict[str, Any]:
    """Return the one output that stands in place of hidden ones.  It has no other type that could be shown."""
    told = {"datasets": list(why.datasets), "ask": why.ask}
    return {"output_type": "display_data", "metadata": {}, "data": {content.HIDDEN: told}}


def judge(policy: Policy, person: Principal, columns: Columns) -> Hidden | None:
    """Return why somebody may not see what comes from these columns, or None if they may."""
    tables: dict[Resource, list[str]] = defaultdict(list)
    for each in columns:
        tables[Resource(each.source, each.schema, each.table)].append(each.column or "")
    named, asked = set[str](), set[str]()
    for table, names in tables.items():
        known, may_know = decide_table(policy, person, Action.DISCOVER, table, names)
        refused = [
            verdict
            # As of a kept result: who may not know of a thing any more may not have what was read of it either.
            for verdict in (*decide_table(policy, person, Action.READ, table, names)[1], *may_know)
            if not verdict.allowed
        ]
        if not refused:
            continue
        # Whom to ask for what somebody may not know of would tell of it.
        named.add(str(table) if known.allowed else UNNAMED)
        asked |= {verdict.ask or policy.ask for verdict in refused} if known.allowed else {policy.ask}
    if not named:
        return None
    return Hidden((*sorted(named - {UNNAMED}), *(named & {UNNAMED})), ", ".join(sorted(asked)))
