from __future__ import annotations

import io
import itertools

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from swap.gateway import parquet as gateway_parquet
from swap.gateway.parquet import parquet

TABLE = pa.Table.from_arrays(
    [
        pa.array([1, 2, None]),
        pa.array(["a", None, "c"]),
        pa.array([[1], None, []]),
        pa.array([(1, 2, 3000), None, (0, 0, 0)], pa.month_day_nano_interval()),
        pa.array([1, 2, 3], pa.timestamp("us", "UTC")),
        pa.nulls(3),
    ],
    names=["n", "n", "l", "i", "t", "n_2"],
)


def test_a_file_holds_every_row_with_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_parquet, "GROUP_BYTES", 1)

    parts = list(parquet(TABLE.to_batches(max_chunksize=2), TABLE.schema, 3))

    read = pq.read_table(io.BytesIO(b"".join(parts)))
    assert read.column_names == ["n", "n_3", "l", "i", "t", "n_2"]
    assert pa.types.is_string(read.schema.field("i").type)
    for name, column in zip(read.column_names, TABLE.columns, strict=True):
        if name != "i":
            assert read.column(name).to_pylist() == column.to_pylist()
    assert len(parts) == 3


def test_a_result_of_no_rows_is_a_file_with_its_columns() -> None:
    empty = TABLE.slice(0, 0)

    read = pq.read_table(io.BytesIO(b"".join(parquet(empty.to_batches(), empty.schema, 0))))

    assert (read.num_rows, read.num_columns) == (0, 6)


def test_a_file_whose_rows_stopped_coming_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_parquet, "GROUP_BYTES", 1)
    parts = parquet(itertools.islice(TABLE.to_batches(max_chunksize=1), 2), TABLE.schema, 3)

    got = [next(parts)]
    with pytest.raises(EOFError):
        got.extend(parts)

    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(io.BytesIO(b"".join(got)))
