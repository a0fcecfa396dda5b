"""Results in Python: exact types, rows through lost connections, parameters and tables of one's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import swap
from conformance.proxy import Proxy
from integration.client.conftest import Server
from integration.gateway.gateways import Gateway, Person, lake
from swap.client.follow import follow
from swap.client.transport import Gateway as Client
from swap.connectors.memory import MemoryConnector
from swap.errors import (
    Forbidden,
    Invalid,
    LimitExceeded,
    NotFound,
    QueryRefused,
    SourceFailed,
    SourceUnavailable,
    Unavailable,
    UnknownName,
)
from swap.people import service as people

BIG = "SELECT n, t FROM lake.big.numbers"
LOCAL = datetime(2026, 11, 22, 13, 5, 0, 7)  # noqa: DTZ001 — a timestamp without a zone is the point
pytestmark = pytest.mark.usefixtures("notebook_side")


def test_a_result_knows_its_columns_rows_and_first_page() -> None:
    result = swap.sql("SELECT page_id, price FROM lake.wmf.pageview_hourly ORDER BY page_id", name="prices")

    assert result.columns == ("page_id", "price")
    assert [(column.name, column.type) for column in result.columns] == [
        ("page_id", "bigint"),
        ("price", "decimal(9,2)"),
    ]
    assert (result.rows, len(result), result.state) == (6, 6, "done")
    assert repr(result).splitlines()[3] == "1        1          1.25"
    assert repr(result).splitlines()[4].endswith("null")
    assert "prices: 6 rows × 2 columns, " in repr(result)


def test_pages_are_sorted_where_the_result_is() -> None:
    page = swap.sql(BIG).page(offset=2, limit=3, sort="n", descending=True)

    assert page.rows == (("49997", "row 49997"), ("49996", "row 49996"), ("49995", "row 49995"))
    assert repr(page).endswith("3–5 of 50,000")


def test_all_rows_come_as_arrow_pandas_and_polars() -> None:
    result = swap.sql(BIG)

    assert result.to_arrow().column("n").to_pylist() == list(range(50_000))
    assert result.to_pandas().n.sum() == sum(range(50_000))
    assert result.to_polars().height == 50_000
    assert sum(batch.num_rows for batch in result.batches()) == 50_000


def test_an_empty_result_has_its_columns() -> None:
    result = swap.sql("SELECT page_id, page_title FROM lake.wmf.pageview_hourly WHERE year = 1999")

    assert result.to_arrow().schema.names == ["page_id", "page_title"]
    assert result.to_pandas().columns.tolist() == ["page_id", "page_title"]
    assert "0 rows × 2 columns" in repr(result)


def test_values_keep_their_types() -> None:
    frame = swap.sql(
        "SELECT year, price, ts, event, country_code FROM lake.wmf.pageview_hourly ORDER BY ts"
    ).to_pandas()

    assert [str(dtype) for dtype in frame.dtypes] == [
        "int32",
        "float64",
        "datetime64[us]",
        "object",
        "str",
    ]
    assert frame.price[0] == 1.25
    assert pd.isna(frame.price[1])
    assert set(frame.event[0]) == {"ip", "action"}


@pytest.mark.parametrize(
    ("value", "type_", "read"),
    [
        ("o'brien -- ü\n:x", "text", "o'brien -- ü\n:x"),
        (2**60 + 1, "bigint", 2**60 + 1),
        (-7, "integer", -7),
        (0.1, "double", 0.1),
        (float("inf"), "double", float("inf")),
        (True, "boolean", True),
        (Decimal("12.340"), "decimal(5,3)", Decimal("12.340")),
        (date(2026, 11, 22), "date", date(2026, 11, 22)),
        (LOCAL, "timestamp", LOCAL),
        (datetime(2026, 11, 22, 13, 5, tzinfo=UTC), "timestamptz", datetime(2026, 11, 22, 13, 5, tzinfo=UTC)),
        (time_of_day(13, 5), "time", time_of_day(13, 5)),
        (b"\x00\xff", "binary", b"\x00\xff"),
        (["a", "b"], "array", ["a", "b"]),
    ],
)
def test_a_parameter_arrives_as_what_it_is(value: object, type_: str, read: object) -> None:
    result = swap.sql("SELECT :value AS value", {"value": value})

    assert result.columns[0].type == type_
    assert result.to_arrow().column(0).to_pylist() == [read]


def test_none_is_null_and_a_list_fits_in() -> None:
    assert (
        len(
            swap.sql(
                "SELECT 1 AS one FROM lake.canonical.countries WHERE :x IS NULL AND iso_code IN :codes",
                {"x": None, "codes": ("DE", "IN")},
            )
        )
        == 2
    )


def test_a_parameter_no_statement_takes_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(Invalid, match="The parameter x is a object, which a statement cannot take"):
        swap.sql("SELECT :x", {"x": object()})


@pytest.mark.parametrize(
    "make",
    [
        pd.DataFrame,
        pl.DataFrame,
        pl.LazyFrame,
        pa.table,
        lambda rows: pa.table(rows).to_reader(),
        pa.record_batch,
        lambda rows: pd.DataFrame(rows).astype({"kind": "category"}),
        lambda rows: pd.DataFrame(rows).set_index("iso_code"),
    ],
    ids=["pandas", "polars", "lazy", "arrow", "reader", "batch", "category", "index"],
)
def test_my_own_table_joins(make: Callable[[dict[str, list[str]]], object]) -> None:
    mine = make({"iso_code": ["DE", "FR", "XX"], "kind": ["a", "b", "c"]})

    result = swap.sql(
        "SELECT name, kind FROM lake.canonical.countries JOIN mine USING (iso_code) ORDER BY name",
        tables={"mine": mine},
    )

    assert result.to_arrow().to_pylist() == [{"name": "France", "kind": "b"}, {"name": "Germany", "kind": "a"}]


def test_a_result_can_be_asked_again_as_a_table() -> None:
    first = swap.sql("SELECT n FROM lake.big.numbers WHERE n < 10")

    assert swap.sql("SELECT sum(n) AS s FROM first", tables={"first": first}).to_arrow().to_pylist() == [{"s": 45}]


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(Invalid, match=r"tables\['mine'\] is a list, not a table"):
        swap.sql("SELECT 1 FROM mine", tables={"mine": [1]})


def test_errors_are_the_classes_of_swap_errors() -> None:
    with pytest.raises(UnknownName) as unknown:
        swap.sql("SELECT page_titel FROM lake.wmf.pageview_hourly")
    with pytest.raises(QueryRefused, match="There is more than one statement"):
        swap.sql("SELECT 1; SELECT 2")

    assert unknown.value.problem.suggestions[0].by == "page_title"
    assert str(unknown.value).startswith("page_titel is not a column of lake.wmf.pageview_hourly. ")


def test_a_source_that_is_down_is_named_and_the_other_still_answers(swap_gateway: Gateway) -> None:
    swap_gateway.lake.behaviour.down = True

    with pytest.raises(SourceUnavailable, match="lake does not answer"):
        swap.sql("SELECT n FROM lake.big.numbers")
    assert len(swap.sql("SELECT page_id FROM mediawiki.enwiki.page")) == 4


# ── Following a query that runs ─────────────────────────────────────────────────────────────────
def test_batches_come_while_the_query_still_runs(swap_gateway: Gateway) -> None:
    swap_gateway.lake.behaviour.seconds_per_batch = 0.03
    result = swap.sql(BIG, wait=False)

    batches = result.batches()
    first = next(batches)
    running = result.state
    rows = first.num_rows + sum(batch.num_rows for batch in batches)

    assert (running, rows, result.state) == ("running", 50_000, "done")


def test_a_query_that_fails_in_the_middle_raises_why_and_never_ends_quietly(swap_gateway: Gateway) -> None:
    swap_gateway.lake.behaviour.seconds_per_batch = 0.01
    swap_gateway.lake.behaviour.fail_after_rows = 20_000
    result = swap.sql(BIG, wait=False)

    with pytest.raises(SourceFailed):
        list(result.batches())
    assert result.state == "failed"


def test_a_running_query_can_be_cancelled(swap_gateway: Gateway) -> None:
    swap_gateway.lake.behaviour.gate = threading.Event()
    result = swap.sql(BIG, wait=False)
    while not swap_gateway.lake.running:
        time.sleep(0.01)

    assert result.cancel() == "cancelled"
    assert swap_gateway.lake.running == 0
    with pytest.raises(swap.errors.QueryCancelled):
        len(result)


# ── Lost connections ────────────────────────────────────────────────────────────────────────────
def test_a_cut_connection_neither_loses_nor_repeats_rows(cut_side: Client, proxy: Proxy, swap_gateway: Gateway) -> None:
    swap_gateway.lake.behaviour.seconds_per_batch = 0.02
    result = swap.sql(BIG, wait=False)
    rows: list[int] = []

    for number, batch in enumerate(result.batches()):
        rows += batch.column("n").to_pylist()
        if number == 0:
            before = proxy.connections
        if number in {0, 1, 2, 9, 20}:  # how many there are depends on how fast they come; the first never is the last
            proxy.cut()

    assert proxy.connections > before
    assert rows == list(range(50_000))


def test_a_cut_in_a_finished_result_is_mended_too(cut_side: Client, proxy: Proxy, swap_gateway: Gateway) -> None:
    result = swap.sql(BIG)
    batches = result.batches()
    rows = next(batches).column("n").to_pylist()
    proxy.cut()

    for batch in batches:
        rows += batch.column("n").to_pylist()

    assert rows == list(range(50_000))


def test_few_rows_come_with_the_answer_to_their_statement(cut_side: Client, proxy: Proxy) -> None:
    result = swap.sql("SELECT page_id FROM lake.wmf.pageview_hourly ORDER BY page_id")
    proxy.reset()

    assert result.to_arrow().column("page_id").to_pylist() == [1, 2, 3, 4, 5, 6]
    assert proxy.connections == 0


@pytest.mark.parametrize("reading", ["a second", "a late"])
def test_every_reading_but_the_one_at_once_is_asked_for(
    notebook_side: Client, swap_gateway: Gateway, ann: Person, monkeypatch: pytest.MonkeyPatch, reading: str
) -> None:
    result = swap.sql("SELECT page_id FROM lake.wmf.pageview_hourly")
    if reading == "a second":
        result.to_arrow()
    else:
        monkeypatch.setattr("swap.client.result.AT_ONCE_SECONDS", 0.0)
    swap_gateway.set_groups(ann, "readers")

    with pytest.raises(Forbidden):
        result.to_arrow()


def test_a_connection_cut_while_waiting_is_made_again(cut_side: Client, proxy: Proxy, swap_gateway: Gateway) -> None:
    gate = swap_gateway.lake.behaviour.gate = threading.Event()

    def cut_then_open() -> None:
        while not swap_gateway.lake.running:
            time.sleep(0.01)
        time.sleep(0.6)
        proxy.cut()
        gate.set()

    thread = threading.Thread(target=cut_then_open)
    thread.start()
    assert len(swap.sql("SELECT n FROM lake.big.numbers")) == 50_000
    thread.join()


def test_a_query_is_followed_through_a_time_in_which_nobody_gives_a_token(
    cut_side: Client, proxy: Proxy, server: Server, swap_gateway: Gateway
) -> None:
    gate = swap_gateway.lake.behaviour.gate = threading.Event()
    run = cut_side.call("POST", "/v1/queries", {"statement": "SELECT n FROM lake.big.numbers"})
    told: list[dict[str, Any]] = []

    for state in follow(cut_side, run["id"]):
        told.append(state)
        if len(told) == 1:
            server.away = True
            cut_side._tokens._value = ""
            proxy.cut()
        elif state["headline"] == "Not connected to SWAP":
            assert "Not connected to SWAP since" in state["note"]
            server.away = False
            gate.set()

    assert len(server.asked) > 2
    assert "Not connected to SWAP" in [state["headline"] for state in told]
    assert [state["elapsed"] for state in told] == sorted(state["elapsed"] for state in told), "its time goes on"
    assert told[-1]["state"] == "done"


def test_a_gateway_that_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch, swap_gateway: Gateway) -> None:
    monkeypatch.setenv("SWAP_GATEWAY", "http://127.0.0.1:9")

    with pytest.raises(
        Unavailable,
        match=r"SWAP does not answer\. Your notebook cannot reach its gateway .* Run the cell again in a minute",
    ):
        swap.sql("SELECT 1")


def test_a_result_that_is_gone_says_until_when_it_was_kept(swap_gateway: Gateway) -> None:
    result = swap.sql(BIG)
    queries = swap_gateway.app.state.parts.queries
    queries.spool.forget(result.id)

    with pytest.raises(
        NotFound, match=r"This result is gone\. SWAP kept it until \d{4}-\d\d-\d\d \d\d:\d\d UTC\. Run the cell again\."
    ):
        result.page(10)
    with pytest.raises(NotFound, match="This result is gone"):
        result.to_arrow()
    assert "row 9" in repr(result)  # the first page was there before


# ── Tokens ──────────────────────────────────────────────────────────────────────────────────────
def test_a_token_is_kept_until_it_nears_its_end(server: Server) -> None:
    for _ in range(3):
        swap.sql("SELECT 1 AS one")

    assert len(server.asked) == 1


def test_a_refused_token_is_renewed_once(server: Server, ann: Person) -> None:
    server.value = ann.token(epoch=99)

    assert len(swap.sql("SELECT 1 AS one")) == 1
    assert len(server.asked) == 2


def test_after_sign_out_the_person_is_told(ann: Person, swap_gateway: Gateway) -> None:
    swap.sql("SELECT 1 AS one")
    with swap_gateway.database.engine("owner").begin() as conn:
        people.sign_out(conn, ann.id, datetime.now(UTC))

    with pytest.raises(swap.errors.NotSignedIn, match="Sign in again"):
        swap.sql("SELECT 1 AS one")


def test_proxy_settings_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)

    assert len(swap.sql("SELECT 1 AS one")) == 1


def test_a_table_of_mine_over_the_limit_says_which_setting(
    own_gateway: Callable[..., Gateway], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = own_gateway({"lake": lake()}, upload_bytes=1000)
    server.person = small.person("ann", "analysts")
    monkeypatch.setenv("SWAP_GATEWAY", small.url)

    for rows in (1000, 400_000):
        with pytest.raises(LimitExceeded):
            swap.sql("SELECT count(*) FROM mine", tables={"mine": pa.table({"n": range(rows)})})


def test_nested_values_and_unsigned_numbers_come_through(
    own_gateway: Callable[..., Gateway], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pa.table(
        {
            "u": pa.array([2**64 - 1, None], pa.uint64()),
            "l": pa.array([[1, None], None], pa.list_(pa.int64())),
            "b": pa.array([b"\x00\xff", None]),
            "d": pa.array([date(9999, 12, 31), None]),
            "t": pa.array([datetime(1, 1, 1, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
            "f": pa.array([True, None]),
            "x": pa.array([1.5, float("nan")]),
        }
    )
    other = own_gateway({"lake": MemoryConnector("lake", {"a.b": rows})})
    server.person = other.person("ann", "analysts")
    monkeypatch.setenv("SWAP_GATEWAY", other.url)

    frame = swap.sql("SELECT * FROM lake.a.b").to_pandas(exact=True)

    assert [str(dtype) for dtype in frame.dtypes] == [
        "UInt64",
        "list<l: int64>[pyarrow]",
        "binary[pyarrow]",
        "date32[day][pyarrow]",
        "datetime64[us, UTC]",
        "boolean",
        "float64",
    ]
    assert frame.iloc[0, 0] == 2**64 - 1
    assert list(frame.iloc[0, 1]) == [1, None]
    assert frame.iloc[0, 3] == date(9999, 12, 31)
