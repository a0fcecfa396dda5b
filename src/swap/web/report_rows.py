"""Rows of a result table on its page: a chart over all periods, and all of them as a file.

They come through the gateway like any query of whoever asks, with their rights, and are recorded there.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from swap.catalog.names import written
from swap.client.period import Interval
from swap.errors import Invalid, NotFound, Problem, SwapError
from swap.reports import tables
from swap.reports.schedule import spoken
from swap.reports.table_store import OF_PERIOD
from swap.settings.sources import RESULT_TABLES
from swap.web import asking
from swap.web.gateway import Page
from swap.web.pages import respond
from swap.web.portal import Portal, Visit

PERIODS: Final = 200
"""That a chart shows, the last ones."""
COLUMNS: Final = 50
"""That a chart can be drawn of."""
HOW: Final = {"sum": "Sum", "avg": "Mean"}
HIGH: Final = 100.0
_NUMBER: Final = re.compile(r"(u?(tiny|small|big|huge)?int(eger)?|decimal.*|float|real|double.*)", re.IGNORECASE)
_FORMATS: Final = ("csv", "parquet")
log = logging.getLogger("swap.web")


@dataclass(frozen=True, slots=True)
class Bar:
    """A period in a chart: in words, its value as it is shown, and where its bar is; none without a number."""

    period: str
    value: str
    top: float = 0.0
    height: float = 0.0


def about(visit: Visit, found: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Return what a table's page needs for its chart and its files."""
    if found["source"] != RESULT_TABLES:
        return {"periods": None}
    columns = _columns(found)
    column, how = visit.query("column") or (columns[0] if columns else ""), visit.query("of")
    said = {"column": column, "of": how if how in HOW else "sum"}
    return {
        "periods": f"{at}/periods?{urlencode(said)}" if column in columns else "",
        "numbers": columns,
        "how": HOW,
        "said": said,
        "file": f"{at}/rows",
    }


def _columns(found: Mapping[str, Any]) -> list[str]:
    """Return the columns of a table that are numbers and may be read."""
    return [
        each["name"]
        for each in found["columns"]
        if each["readable"] and each["name"] not in OF_PERIOD and _NUMBER.fullmatch(each["type"])
    ][:COLUMNS]


async def chart(portal: Portal, visit: Visit) -> Response:
    """A column over all periods, as part of a table's page or by itself."""
    owner, table = _names(visit)
    column, how = visit.query("column"), visit.query("of")
    values: dict[str, Any] = {"full_name": f"{RESULT_TABLES}.{owner}.{table}", "column": column, "most": PERIODS}
    values |= {
        "word": HOW.get(how, ""),
        "again": f"{visit.request.url.path}?{urlencode({'column': column, 'of': how})}",
    }
    values |= {"at": visit.request.url.path.removesuffix("/periods")}
    template = "part_periods.html" if visit.is_part else "periods.html"
    token, status, problem, bars = portal.token(visit.signed_in), 200, None, list[Bar]()
    try:
        found = await run_in_threadpool(portal.gateway.table, token, RESULT_TABLES, owner, table)
        if column not in _columns(found) or how not in HOW:
            raise Invalid(Problem("This cannot be drawn.", todo="Choose a column that the table's page offers."))
        page = await asking.rows(portal, visit, token, _over_periods(owner, table, column, how), PERIODS)
        bars = await run_in_threadpool(_bars, portal, visit, owner, table, page)
    except SwapError as error:
        log.info("chart of %s for %s: %s", values["full_name"], visit.person.id, error)
        status, problem = 200 if visit.is_part else error.status, error.problem
    return await run_in_threadpool(
        respond, portal, visit, template, status=status, here="data", problem=problem, bars=bars, **values
    )


def _over_periods(owner: str, table: str, column: str, how: str) -> str:
    start, end = OF_PERIOD
    return (
        f"SELECT {start}, {end}, {how}({written(column)}) AS value\nFROM {tables.spoken(owner, table)}\n"
        f"GROUP BY {start}, {end}\nORDER BY {start} DESC, {end} DESC\nLIMIT {PERIODS}"
    )


def _bars(portal: Portal, visit: Visit, owner: str, table: str, page: Page) -> list[Bar]:
    """Return a bar for each row, the first period first."""
    with portal.engine.begin() as conn:
        zone = tables.zone(conn, portal.settings.policy, visit.person, owner, table, visit.now)
    rows = [(_moment(start), _moment(end), value) for start, end, value in reversed(page.rows)]
    return drawn([(spoken(Interval(start, end), zone), value) for start, end, value in rows])


def _moment(said: str | None) -> datetime:
    return datetime.fromisoformat(said or "")


def drawn(values: list[tuple[str, str | None]]) -> list[Bar]:
    """Return bars for periods with their values, as high as these are among each other.

    >>> [(bar.top, bar.height) for bar in drawn([("May", "4"), ("June", None), ("July", "-1")])]
    [(0.0, 80.0), (0.0, 0.0), (80.0, 20.0)]
    """
    numbers = [_number(value) for _, value in values]
    most, least = max([0.0, *filter(None, numbers)]), min([0.0, *filter(None, numbers)])
    scale = HIGH / ((most - least) or 1.0)
    return [
        Bar(period, value or "no value")
        if number is None
        else Bar(period, value or "", (most - max(number, 0.0)) * scale, abs(number) * scale)
        for (period, value), number in zip(values, numbers, strict=True)
    ]


def _number(said: str | None) -> float | None:
    try:
        number = float(said or "")
    except ValueError:
        return None
    # So large a one would leave no height to the others, and less than none to itself.
    return number if math.isfinite(number) and abs(number) < 1e300 else None


async def download(portal: Portal, visit: Visit) -> Response:
    """All rows of all periods as CSV or Parquet, the first period first."""
    owner, table = _names(visit)
    kind = visit.query("format")
    if kind not in _FORMATS:
        raise Invalid(Problem("There is no such format.", todo="Choose one that the table's page offers."))
    token = portal.token(visit.signed_in)
    await run_in_threadpool(portal.gateway.table, token, RESULT_TABLES, owner, table)
    statement = f"SELECT *\nFROM {tables.spoken(owner, table)}\nORDER BY {', '.join(OF_PERIOD)}"
    query_id = await asking.until_done(portal, visit, token, statement)
    file = await portal.gateway.download(portal.token(visit.signed_in), query_id, kind)
    headers = {"Content-Disposition": f'attachment; filename="{table.casefold()}.{kind}"'}
    return StreamingResponse(_pieces(file), media_type=file.headers["content-type"], headers=headers)


async def _pieces(file: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in file.aiter_bytes():
            yield piece
    finally:
        await file.aclose()


def _names(visit: Visit) -> tuple[str, str]:
    """Return whose table it is, and what it is called.  Raises NotFound for a table of a source."""
    if visit.params["source"] != RESULT_TABLES:
        raise NotFound(Problem("Only result tables of reports have this page."))
    return visit.params["schema"], visit.params["table"]
