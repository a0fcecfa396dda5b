from __future__ import annotations

import io
import itertools
import sys

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


def test_rows_are_gathered_into_groups_of_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = pa.table({"n": pa.array(range(14), pa.int64())}).to_batches(max_chunksize=2)
    monkeypatch.setattr(gateway_parquet, "GROUP_BYTES", 3 * batches[0].nbytes)

    file = pq.ParquetFile(io.BytesIO(b"".join(parquet(batches, batches[0].schema, 14))))

    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [6, 6, 2]


def test_small_batches_cost_no_more_each_the_more_there_are() -> None:
    def calls(count: int) -> int:
        batches = [pa.record_batch({"n": [1]})] * count
        seen: list[str] = []
        sys.setprofile(lambda _frame, event, _argument: seen.append(event))
        try:
            list(parquet(batches, batches[0].schema, count))
        finally:
            sys.setprofile(None)
        return len(seen)

    calls(1)
    one, two = calls(100), calls(200)
    assert two < 2.5 * one


def test_a_file_whose_rows_stopped_coming_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_parquet, "GROUP_BYTES", 1)
    parts = parquet(itertools.islice(TABLE.to_batches(max_chunksize=1), 2), TABLE.schema, 3)

    got = [next(parts)]
    with pytest.raises(EOFError):
        got.extend(parts)

    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(io.BytesIO(b"".join(got)))
