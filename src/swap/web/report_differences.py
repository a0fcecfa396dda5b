"""What changed between two editions of a period: the rows of a result table, through the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from swap.reports import differences, service
from swap.reports.differences import COUNTS, Compared
from swap.reports.model import Run
from swap.reports.service import Looked
from swap.web import asking
from swap.web.portal import Portal, Visit
from swap.web.report_parts import answer, id_of, look_at


@dataclass(frozen=True, slots=True)
class Row:
    """A row that differs: what became of it, its key, and each other value before and after."""

    what: str
    key: tuple[str | None, ...]
    values: tuple[tuple[str | None, str | None], ...]


async def page(portal: Portal, visit: Visit) -> Response:
    """The first rows of a table that differ, and how many there are."""
    looked, run, compared = await run_in_threadpool(_found, portal, visit)
    found = await asking.rows(portal, visit, portal.token(visit.signed_in), compared.statement, differences.ROWS)
    rows = [_row(each, len(compared.key)) for each in found.rows]
    counts = [int(each or 0) for each in found.rows[0][1 : 1 + len(COUNTS)]] if found.rows else [0] * len(COUNTS)
    return await run_in_threadpool(
        answer,
        portal,
        visit,
        "report_difference.html",
        looked=looked,
        run=run,
        compared=compared,
        rows=rows,
        counts=dict(zip(COUNTS, counts, strict=True)),
        count=sum(counts),
    )


def _found(portal: Portal, visit: Visit) -> tuple[Looked, Run, Compared]:
    with portal.engine.begin() as conn:
        looked = look_at(visit, conn)
        run = service.run_of(conn, looked, id_of(visit, "run_id"))
        name = visit.query("table")
        return looked, run, differences.of_table(conn, portal.settings.policy, visit.person, run, name, visit.now)


def _row(cells: Sequence[str | None], keys: int) -> Row:
    what, rest = COUNTS[int(cells[0] or 1) - 1], cells[1 + len(COUNTS) :]
    return Row(what, tuple(rest[:keys]), tuple(zip(rest[keys::2], rest[keys + 1 :: 2], strict=True)))
