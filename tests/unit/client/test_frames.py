from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from swap.client import frames, own_tables
from swap.errors import Invalid


def sent(data: Any) -> pa.Table:
    file = io.BytesIO()
    own_tables.write_arrow("mine", data, file)
    return pa.ipc.open_stream(file.getvalue()).read_all()


def test_two_columns_may_have_one_name() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])

    assert frames.to_pandas(table).to_numpy().tolist() == [[1, 2]]
    assert frames.to_pandas(table).columns.tolist() == ["a", "a"]
    assert frames.to_polars(table).columns == ["a", "a_2"]


WIDE = pa.table({"sum": pa.array([Decimal(2**64), None], pa.decimal256(41, 0))})
TOO_WIDE = pa.table({"sum": pa.array([Decimal(10**40), None], pa.decimal256(41, 0))})


def test_decimals_of_a_wide_type_are_handed_on_where_their_values_are_not() -> None:
    assert frames.to_polars(WIDE)["sum"].to_list() == [Decimal(2**64), None]
    assert sent(WIDE)["sum"].to_pylist() == [Decimal(2**64), None]
    assert frames.to_pandas(TOO_WIDE)["sum"][0] == Decimal(10**40)


def test_wider_decimals_are_refused_by_name() -> None:
    with pytest.raises(Invalid, match="The column sum cannot be handed to polars"):
        frames.to_polars(TOO_WIDE)
    with pytest.raises(Invalid, match="The column sum of your table mine cannot be sent"):
        sent(TOO_WIDE)


def test_no_rows_and_no_columns_are_frames_too() -> None:
    assert frames.to_pandas(pa.table({"a": pa.array([], pa.int64())})).shape == (0, 1)
    assert frames.to_pandas(pa.table({})).shape == (0, 0)


def test_named_index_levels_are_columns_and_row_numbers_are_not() -> None:
    frame = pd.DataFrame({"v": [1, 2]}, index=pd.Index(["x", "y"], name="k"))

    assert sent(frame).column_names == ["k", "v"]
    assert sent(frame.rename_axis(None)).column_names == ["v"]
    assert sent(frame.query("v > 1").reset_index(drop=True)).to_pylist() == [{"v": 2}]


def test_encodings_that_only_some_readers_know_are_undone() -> None:
    assert sent(pd.DataFrame({"c": pd.Categorical(["a", "b", "a"])})).schema.field("c").type in {
        pa.string(),
        pa.large_string(),
    }
    assert sent(pl.DataFrame({"c": ["a"], "d": pl.Series(["x"], dtype=pl.Categorical)})).schema.types == [
        pa.string(),
        pa.string(),
    ]
    assert sent(pa.table({"c": pa.array(["a", None, "a"]).dictionary_encode()}))["c"].to_pylist() == ["a", None, "a"]


def test_a_column_of_mixed_values_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match=r"Your table mine cannot be sent\. .*column c.*Give every column one type"):
        sent(pd.DataFrame({"c": ["a", 1]}))


def test_names_that_sql_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(Invalid, match="two columns called a"):
        sent(pa.table({"a": [1], "A": [2]}))


@pytest.mark.parametrize("data", [None, 3, "text", [1, 2], {"a": [1]}, pa.table({})])
def test_what_is_no_table_is_refused(data: Any) -> None:
    with pytest.raises(Invalid):
        sent(data)
