"""What people try on a result because pandas, polars or a cursor has it: what they expect, or what to write."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import altair as alt
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import swap
from integration.client.conftest import Server
from integration.gateway.gateways import Gateway, lake
from swap.client.transport import Gateway as Client
from swap.errors import SwapError

pytestmark = pytest.mark.usefixtures("notebook_side")
FIVE = "SELECT n, t FROM lake.big.numbers ORDER BY n LIMIT 5"
N = [0, 1, 2, 3, 4]
EXPECTED: list[tuple[str, Any]] = [
    ("pl.DataFrame(result)['n'].to_list()", N),
    ("pl.from_dataframe(result)['n'].to_list()", N),
    ("pa.table(result)['n'].to_pylist()", N),
    ("pd.DataFrame.from_arrow(result).n.tolist()", N),
    ("alt.Chart(result).mark_bar().encode(x='t', y='n').to_dict()['encoding']['y']['type']", "quantitative"),
    ("duckdb.sql('SELECT sum(n) AS s FROM result').fetchall()", [(10,)]),
    ("result['n'].tolist()", N),
    ("result.n.tolist()", N),
    ("list(result[['t', 'n']].columns)", ["t", "n"]),
    ("result[1:3].n.tolist()", [1, 2]),
    ("result[result.n > 2].n.tolist()", [3, 4]),
    ("result.head().n.tolist()", N),
    ("result.head(2).n.tolist()", [0, 1]),
    ("result.head(0).columns.tolist()", ["n", "t"]),
    ("result.tail(1).n.tolist()", [4]),
    ("result.df().n.tolist()", N),
    ("result.toPandas().n.tolist()", N),
    ("result.pl()['n'].to_list()", N),
    ("result.arrow()['n'].to_pylist()", N),
    ("result.describe().loc['max', 'n']", 4.0),
    ("result.shape", (5, 2)),
    ("len(result)", 5),
    ("bool(result)", True),
    ("[str(each) for each in result.dtypes]", ["int64", "str"]),
    ("', '.join(result.columns)", "n, t"),
    ("'n' in result, 'x' in result", (True, False)),
    ("result.groupby('t').n.sum().tolist()", N),
    ("result.sort_values('n', ascending=False).n.tolist()", N[::-1]),
    ("result.to_dict('list')['n']", N),
    ("[(row.n, row[1]) for row in result][:2]", [(0, "row 0"), (1, "row 1")]),
    ("np.asarray(result['n']).sum()", 10),
]
SAID = [
    ("pd.DataFrame(result)", "Write result.to_pandas()."),
    ("pd.DataFrame(data=result, columns=['n'])", "Write result.to_pandas()."),
    ("result[0]", "result.to_pandas().iloc[0]"),
    ("result['x']", "Its columns are n, t."),
    ("result[['n', 'x']]", "There is no column x in this result."),
    ("result.x", "Its columns are n, t."),
    ("result.iloc[0]", "Write df = result.to_pandas(), and then df.iloc."),
    ("result.fetchall()", "Write list(result)."),
    ("result.collect()", "result.to_polars()"),
    ("result.limit(5)", "LIMIT in the statement"),
    ("result.insert(0, 'x', 1)", "Write df = result.to_pandas(), and then df.insert."),
    ("result.__setitem__('x', 1)", "Write df = result.to_pandas(), and then df['x'] = …."),
    ("result.__delitem__('n')", "and then del df['n']"),
    ("result.rename(columns={'n': 'm'}, inplace=True)", "and then df.rename(…, inplace=True)"),
    ("result.head(-1)", "Write result.head(10)."),
    ("result.head('a')", "Write result.head(10)."),
    ("result.page(offset=-1)", "Count from 0"),
    ("result.page(offset='a')", "Count from 0"),
    ("result.page(limit=0)", "A page has from 1 to 1,000."),
    ("result.page(limit=1001)", "use to_pandas()"),
    ("result.page(sort='x')", "Its columns are n, t."),
    ("swap.sql('SELECT :x AS a')", 'The parameter :x has no value. Nothing was run. Pass it: swap.sql(…, {"x": …}).'),
    ("swap.sql('SELECT :x AS a WHERE :y = 1', {'x': 1})", "The parameter :y has no value."),
    ("swap.sql('SELECT $x AS a', {'y': 1})", "The parameter :x has no value."),
    ("swap.sql('SELECT ? AS a', [1])", "Parameters have names."),
    ("swap.sql('SELECT 1', 3)", "Parameters have names."),
    ("swap.sql('SELECT 1 FROM a', tables=[1])", "Tables of yours have names."),
    ("swap.sql('SELECT 1 FROM a', tables={1: pd.DataFrame({'a': [1]})})", "Tables of yours have names."),
    ("swap.sql('SELECT 1 FROM a', tables=pd.DataFrame({'a': [1]}))", "Tables of yours have names."),
    ("swap.sql('SELECT 1 FROM a', tables={'a': pd.DataFrame([[1, 2]], columns=['x', 'x'])})", "two columns called x"),
    ("swap.sql('SELECT 1 FROM a', tables={'a': pd.DataFrame({'x': [2**70]})})", "Your table a cannot be sent."),
    ("swap.sql('SELECT 1 FROM a', tables={'a': pl.DataFrame({'x': [object()]})})", "The column x of your table a"),
    (
        "swap.sql('SELECT 1 FROM a', tables={'a': pd.DataFrame({'x': pd.period_range('2026', periods=2, freq='M')})})",
        "df['x'].dt.to_timestamp()",
    ),
    ("swap.tables(3)", 'swap.tables("…")'),
    ("swap.tables(limit='x')", "Write limit=1000."),
    ("swap.tables(limit=-1)", "Write limit=1000."),
    ("swap.columns(3)", "swap.tables() lists those"),
    ("swap.describe(None)", "swap.tables() lists those"),
    ("swap.sql(None)", "Write swap.sql("),
    ("swap.sql('SELECT 1', name=3)", "name is what the result is called"),
    ("swap.sql('SELECT n // 0 FROM lake.big.numbers')", "nullif(…, 0)"),
    ("swap.sql('SELECT n % 0 FROM lake.big.numbers')", "nullif(…, 0)"),
    ("swap.sql('SELECT (SELECT n FROM lake.big.numbers) AS a')", "LIMIT 1"),
]


def names() -> dict[str, Any]:
    return {
        "result": swap.sql(FIVE),
        **{each.__name__: each for each in (duckdb, swap)},
        "pd": pd,
        "pl": pl,
        "pa": pa,
        "np": np,
        "alt": alt,
    }


@pytest.mark.parametrize(("written", "value"), EXPECTED)
def test_what_people_write_gives_what_they_expect(written: str, value: object) -> None:
    # DuckDB looks for the result among the variables of whoever calls it.
    result = swap.sql(FIVE)

    assert eval(written, {**names(), "result": result}) == value


@pytest.mark.parametrize(("written", "words"), SAID)
def test_what_cannot_be_says_what_to_write_and_no_foreign_error_comes(written: str, words: str) -> None:
    with pytest.raises(SwapError) as said:
        eval(written, names())

    assert words in str(said.value)
    assert "TRY(" not in str(said.value)
    assert "SET " not in str(said.value)


@pytest.mark.parametrize("name", ["x", "iloc", "fetchall", "_private"])
def test_code_that_looks_whether_there_is_an_attribute_gets_its_answer(name: str) -> None:
    assert not hasattr(swap.sql(FIVE), name)


def test_a_look_at_a_method_fetches_nothing(swap_gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    result = swap.sql("SELECT n FROM lake.big.numbers")
    monkeypatch.setattr(Client, "open", None)

    assert callable(result.groupby)
    assert callable(result.to_csv)


def test_frames_of_two_equal_names_and_of_intervals_are_read_by_polars() -> None:
    result = swap.sql("SELECT 1 AS a, 2 AS a, TIMESTAMP '2026-01-02 14:00' - TIMESTAMP '2026-01-01' AS took")

    assert pl.DataFrame(result).rows() == [(1, 2, timedelta(days=1, hours=14))]
    assert pl.DataFrame(result).columns == ["a", "a_2", "took"]
    assert result.page().rows == (("1", "2", "1 day 14:00:00"),)
    assert next(iter(result)) == (1, 2, timedelta(days=1, hours=14))


def test_the_first_rows_come_while_the_others_stay(swap_gateway: Gateway) -> None:
    swap_gateway.lake.behaviour.seconds_per_batch = 0.03
    result = swap.sql("SELECT n FROM lake.big.numbers", wait=False)

    assert len(result.head(3)) == 3
    assert result.state == "running"
    result.cancel()


def test_a_result_without_rows_has_a_head_with_its_columns() -> None:
    head = swap.sql("SELECT n, t FROM lake.big.numbers WHERE n < 0").head()

    assert (head.shape, head.columns.tolist()) == ((0, 2), ["n", "t"])


def test_infinity_is_shown() -> None:
    result = swap.sql("SELECT 'infinity'::DATE AS d, '-infinity'::TIMESTAMP AS t, 'infinity'::TIMESTAMPTZ AS z")

    assert result.page().rows == (("infinity", "-infinity", "infinity"),)
    assert "infinity" in repr(result)
    assert repr(result.to_pandas())
    with pytest.raises(SwapError, match="The column d cannot be handed to polars"):
        result.to_polars()


@pytest.mark.parametrize("keep", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_result_can_be_copied_and_kept(keep: Callable[[swap.Result], swap.Result]) -> None:
    result = swap.sql(FIVE, name="five")

    kept = keep(result)

    assert (repr(kept), kept.id, kept.name, kept.columns) == (repr(result), result.id, "five", ("n", "t"))
    assert kept.columns[0].type == "bigint"
    assert kept.to_pandas().n.tolist() == N


def test_a_kept_result_is_shown_where_no_gateway_is(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = pickle.dumps(swap.sql(FIVE))
    monkeypatch.delenv("SWAP_GATEWAY")

    result = pickle.loads(kept)

    assert "row 4" in repr(result)
    with pytest.raises(SwapError, match="This Python does not run inside SWAP"):
        result.to_pandas()


def test_a_kept_result_holds_no_token(server: Server) -> None:
    kept = pickle.dumps(swap.sql(FIVE))

    assert server.person.token().encode() not in kept
    assert b"token" not in kept


def test_an_error_keeps_its_words_on_its_way_to_another_process() -> None:
    with pytest.raises(SwapError) as refused:
        swap.sql("SELECT page_titel FROM lake.wmf.pageview_hourly")

    again = pickle.loads(pickle.dumps(refused.value))

    assert (type(again), again.problem) == (type(refused.value), refused.value.problem)


def test_rows_too_long_to_be_handed_on_are_a_limit_and_no_error_of_ours(
    own_gateway: Callable[..., Gateway], server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small = own_gateway({"lake": lake()}, bytes=100_000)
    server.person = small.person("ann", "analysts")
    monkeypatch.setenv("SWAP_GATEWAY", small.url)

    with pytest.raises(swap.errors.LimitExceeded, match="The result is larger than"):
        swap.sql("SELECT n, repeat('x', 2000) AS t FROM lake.big.numbers")
