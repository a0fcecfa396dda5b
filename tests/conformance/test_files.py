"""What only directories of Parquet can show: their layout, their damage, links, and the reader process."""

from __future__ import annotations

import datetime as dt
import math
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conformance.subjects import PATIENCE_SECONDS, SCHEMA, SOMEBODY, Files
from conformance.test_connector import Reading, eventually
from reading import batches as batches_of
from swap.connectors.base import Column, Comparison, Deadline, Fragment, Predicate
from swap.connectors.files.connector import FilesConnector
from swap.connectors.process import Readers
from swap.errors import QueryCancelled, SourceFailed, SourceUnavailable
from swap.settings import FilesSource

NUMBERS = pa.table({"id": pa.array(range(100), pa.int32()), "x": pa.array(["ä"] * 100)})


def write(files: Files, path: str, rows: pa.Table = NUMBERS, **options: Any) -> Path:
    """Write one file of the table `t`."""
    place = files.table("t") / path
    place.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, place, **options)
    return place


def read(files: Files, *columns: Column, where: tuple[Predicate, ...] = (), table: str = "t") -> list[dict[str, Any]]:
    """Read a table."""
    reader = files.connector.read(Fragment(SCHEMA, table, columns, where), SOMEBODY, Deadline(time.monotonic() + 20))
    return [row for batch in batches_of(reader) for row in batch.to_pylist()]


ID = Column("id", pa.int32())


# ── layout ──────────────────────────────────────────────────────────────────────────────────────────
def test_partitions_are_typed_named_and_ordered(files: Files) -> None:
    for month, wiki in ((10, "dewiki"), (9, "enwiki"), (9, "a%2Fb"), (9, "__HIVE_DEFAULT_PARTITION__")):
        write(files, f"month={month}/wiki={wiki}/part.parquet", NUMBERS.slice(0, 1))

    columns = files.columns("t")
    found = read(files, *columns)

    assert [(column.name, str(column.type), column.partition) for column in columns] == [
        ("id", "int32", False),
        ("x", "string", False),
        ("month", "int64", True),
        ("wiki", "string", True),
    ]
    assert [(row["month"], row["wiki"]) for row in found] == [(9, None), (9, "a/b"), (9, "enwiki"), (10, "dewiki")]


@pytest.mark.parametrize(
    ("comparison", "value", "months"),
    [
        (Comparison.EQ, 9, [9]),
        (Comparison.NE, 9, [1, 10]),
        (Comparison.LT, 10, [1, 9]),
        (Comparison.LE, 9, [1, 9]),
        (Comparison.GT, 1, [9, 10]),
        (Comparison.GE, 10, [10]),
        (Comparison.IN, (1, 10), [1, 10]),
        (Comparison.IN, (), []),
        (Comparison.IS_NULL, None, [None]),
        (Comparison.NOT_NULL, None, [1, 9, 10]),
    ],
)
def test_a_partition_is_compared_by_its_number_not_its_name(
    files: Files, comparison: Comparison, value: Any, months: list[Any]
) -> None:
    for month in ("1", "9", "10", "__HIVE_DEFAULT_PARTITION__"):
        write(files, f"month={month}/part.parquet", NUMBERS.slice(0, 1))

    found = read(files, Column("month", pa.int64(), partition=True), where=(Predicate("month", comparison, value),))

    assert sorted((row["month"] for row in found), key=str) == sorted(months, key=str)


def test_the_sidecar_describes_the_table(files: Files) -> None:
    write(files, "day=2026-11-23/part.parquet")
    (files.table("t") / "_table.toml").write_text(
        'comment = "Numbers"\nowner = "data-team"\nnewest = "2026-11-23 05:00"\n'
        '[columns.id]\ncomment = "Counts up"\nsensitivity = "personal"\n[columns.day]\ntype = "date"\n',
        encoding="utf-8",
    )

    dataset = files.harvested()[0]

    assert (dataset.comment, dataset.owner, dataset.newest) == ("Numbers", "data-team", "2026-11-23 05:00")
    assert dataset.columns[0] == Column("id", pa.int32(), "Counts up", sensitivity="personal")
    assert dataset.columns[2] == Column("day", pa.date32(), partition=True)
    assert read(files, dataset.columns[2], where=(Predicate("day", Comparison.GE, dt.date(2026, 11, 23)),))[0] == {
        "day": dt.date(2026, 11, 23)
    }


def test_a_harvest_counts_rows_and_finds_the_newest_partition(files: Files) -> None:
    for hour in (9, 10):
        write(files, f"year=2026/month=9/day=3/hour={hour}/part.parquet")

    dataset = files.harvested()[0]

    assert (dataset.row_estimate, dataset.newest) == (200, "2026-09-03 10:00")


def test_hidden_unfinished_and_foreign_files_are_no_rows(files: Files) -> None:
    write(files, "part.parquet")
    for name in (
        ".part.parquet.crc",
        "_temporary.parquet",
        "README.txt",
        "_tmp/part.parquet",
        "notakey/part.parquet",
        ".git/part.parquet",
    ):
        place = files.table("t") / name
        place.parent.mkdir(exist_ok=True)
        place.write_text("no parquet")

    assert len(read(files, ID)) == 100


def test_a_column_that_a_file_does_not_have_is_null_there(files: Files) -> None:
    write(files, "a.parquet")
    write(files, "b.parquet", pa.table({"id": pa.array([1000], pa.int32())}))
    columns = files.columns("t")

    assert read(files, *columns)[-1] == {"id": 1000, "x": None}
    assert read(files, *columns, where=(Predicate("x", Comparison.IS_NULL),)) == [{"id": 1000, "x": None}]
    assert len(read(files, *columns, where=(Predicate("x", Comparison.NE, "b"),))) == 100


def test_files_whose_columns_grew_wider_are_read_as_one_table(files: Files) -> None:
    write(files, "a.parquet")
    write(files, "b.parquet", pa.table({"id": pa.array([2**40], pa.int64()), "x": pa.array(["y"]).dictionary_encode()}))
    columns = files.columns("t")

    assert [str(column.type) for column in columns] == ["int64", "string"]
    assert read(files, *columns)[-1] == {"id": 2**40, "x": "y"}
    assert len(read(files, *columns, where=(Predicate("id", Comparison.GE, 99),))) == 2
    assert len(read(files, *columns, where=(Predicate("id", Comparison.LT, 2**40),))) == 100


def test_row_groups_whose_statistics_rule_them_out_are_not_read(files: Files) -> None:
    rows = pa.table(
        {"id": pa.array(range(10_000), pa.int32()), "x": pa.array([os.urandom(200).hex() for _ in range(10_000)])}
    )
    write(files, "part.parquet", rows, row_group_size=1000)
    reader = files.connector.read(
        Fragment(SCHEMA, "t", files.columns("t"), (Predicate("id", Comparison.GT, 8999),)),
        SOMEBODY,
        Deadline(time.monotonic() + 20),
    )

    assert sum(batch.num_rows for batch in batches_of(reader)) == 1000
    assert reader.stats.detail["row_groups"] == 1
    assert reader.stats.detail["read_bytes"] < 800_000


@pytest.mark.parametrize(
    ("comparison", "value", "ids"),
    [
        (Comparison.NE, 5.0, [1]),
        (Comparison.GT, 5.0, [1]),
        (Comparison.GE, 5.0, [0, 1]),
        (Comparison.GT, 9.0, [1]),
        (Comparison.LE, 5.0, [0]),
        (Comparison.EQ, 5.0, [0]),
        (Comparison.IN, (5.0,), [0]),
        (Comparison.LT, 9.0, [0]),
    ],
)
def test_statistics_that_know_nothing_of_nan_do_not_hide_it(
    files: Files, comparison: Comparison, value: Any, ids: list[int]
) -> None:
    write(files, "part.parquet", pa.table({"id": pa.array([0, 1], pa.int32()), "x": pa.array([5.0, math.nan])}))

    found = read(files, ID, where=(Predicate("x", comparison, value),))

    assert [row["id"] for row in found] == ids


# ── damage ──────────────────────────────────────────────────────────────────────────────────────────
def test_a_scattered_read_gives_the_same_rows_in_batches_that_show_no_file(files: Files) -> None:
    for number, rows in enumerate([5000, 9000, 1, 20_000, 3000]):
        write(files, f"number={number}/part.parquet", pa.table({"id": pa.array([number] * rows, pa.int32())}))

    for columns, key in (((ID,), "id"), ((Column("number", pa.int64(), partition=True),), "number"), ((), "")):
        reader = files.connector.read(
            Fragment(SCHEMA, "t", columns, scattered=True), SOMEBODY, Deadline(time.monotonic() + 20)
        )
        batches = list(batches_of(reader))

        assert [batch.num_rows for batch in batches] == [8192] * 4 + [37_001 - 4 * 8192]
        if key:
            found = [value for batch in batches for value in batch.column(key).to_pylist()]
            assert {value: found.count(value) for value in set(found)} == {0: 5000, 1: 9000, 2: 1, 3: 20_000, 4: 3000}


def test_a_broken_file_is_an_error_that_names_it_below_the_root_without_its_partitions_values(files: Files) -> None:
    write(files, "month=1/part.parquet")
    broken = write(files, "month=2/part.parquet")
    broken.write_bytes(broken.read_bytes()[:-20] + b"x" * 20)

    with pytest.raises(SourceFailed, match=r"[Cc]onformance/t/month=…/part\.parquet cannot be read") as raised:
        read(files, ID)
    assert str(files.root) not in str(raised.value)

    assert len(read(files, ID, where=(Predicate("month", Comparison.EQ, 1),))) == 100


def test_a_column_that_is_not_asked_for_may_be_damaged(files: Files) -> None:
    place = write(
        files,
        "part.parquet",
        pa.table({"id": pa.array(range(100), pa.int32()), "x": pa.array([os.urandom(50).hex() for _ in range(100)])}),
        compression="none",
    )
    chunk = pq.read_metadata(place).row_group(0).column(1)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    with place.open("r+b") as file:
        file.seek(start)
        file.write(b"\xff" * chunk.total_compressed_size)

    assert len(read(files, ID)) == 100
    with pytest.raises(SourceFailed):
        read(files, Column("x", pa.string()))


def test_one_broken_table_does_not_hide_the_others(files: Files) -> None:
    write(files, "part.parquet")
    other = files.root / SCHEMA / "other" / "part.parquet"
    other.parent.mkdir()
    other.write_bytes(b"PAR1 no")

    assert [dataset.name for dataset in files.harvested()] == ["t"]


def test_a_missing_root_is_a_source_that_does_not_answer(tmp_path: Path) -> None:
    connector = FilesConnector("lake", FilesSource(kind="files", root=tmp_path / "nowhere"))

    with pytest.raises(SourceUnavailable, match="lake does not answer") as raised:
        connector.check()

    assert str(tmp_path) not in str(raised.value)
    connector.close()


# ── no way out of the root ──────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("link", ["file", "partition", "table", "schema"])
def test_no_link_leads_out_of_the_root(files: Files, tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    (outside / "t").mkdir(parents=True)
    pq.write_table(NUMBERS, outside / "t" / "part.parquet")
    write(files, "part.parquet", NUMBERS.slice(0, 1))
    place, target = {
        "file": (files.table("t") / "more.parquet", outside / "t" / "part.parquet"),
        "partition": (files.table("t") / "month=1", outside / "t"),
        "table": (files.root / SCHEMA / "linked", outside / "t"),
        "schema": (files.root / "linked", outside),
    }[link]
    place.symlink_to(target)

    assert [(dataset.schema, dataset.name, dataset.row_estimate) for dataset in files.harvested()] == [(SCHEMA, "t", 1)]
    assert len(read(files, ID)) == 1
    for schema, table in ((SCHEMA, "linked"), ("linked", "t")):
        with pytest.raises(SourceFailed):
            list(
                batches_of(
                    files.connector.read(Fragment(schema, table, (ID,)), SOMEBODY, Deadline(time.monotonic() + 20))
                )
            )


@pytest.mark.parametrize(
    ("schema", "table"),
    [
        ("..", "t"),
        (SCHEMA, ".."),
        (SCHEMA, "../conformance/t"),
        (SCHEMA, "/etc"),
        ("", "t"),
        (SCHEMA, "t\0"),
        (SCHEMA, ".t"),
        (SCHEMA, "_t"),
    ],
)
def test_a_name_that_is_no_name_opens_nothing(files: Files, schema: str, table: str) -> None:
    write(files, "part.parquet")

    with pytest.raises(SourceFailed):
        list(
            batches_of(files.connector.read(Fragment(schema, table, (ID,)), SOMEBODY, Deadline(time.monotonic() + 20)))
        )


def test_a_pipe_among_the_files_does_not_hang_the_reader(files: Files) -> None:
    write(files, "part.parquet")
    os.mkfifo(files.table("t") / "pipe.parquet")

    assert len(read(files, ID)) == 100


# ── the reader process ──────────────────────────────────────────────────────────────────────────────
def test_the_reader_process_has_a_closed_environment(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWAP_PLANTED", "secret-of-the-gateway")
    files.connector.check()
    pid = files.connector._readers._spares[-1].pid

    # A process that is only just replacing itself shows no environment yet.
    assert eventually(lambda: Path(f"/proc/{pid}/environ").read_bytes() != b"")
    environment = Path(f"/proc/{pid}/environ").read_bytes()

    assert b"secret-of-the-gateway" not in environment
    assert {part.split(b"=")[0] for part in environment.split(b"\0") if part} == {
        b"LANG",
        b"PATH",
        b"JE_ARROW_MALLOC_CONF",
        b"OPENBLAS_NUM_THREADS",
    }


def test_the_reader_process_does_without_pandas(files: Files) -> None:
    write(files, "part.parquet")
    assert len(read(files, ID)) == 100

    mapped = Path(f"/proc/{files.connector._readers._spares[-1].pid}/maps").read_text()

    assert "/pyarrow/" in mapped
    assert "/pandas/" not in mapped


def test_the_reader_process_is_bound_by_the_system(files: Files) -> None:
    write(files, "part.parquet")
    assert len(read(files, ID)) == 100  # by now it has bound itself

    limits = Path(f"/proc/{files.connector._readers._spares[-1].pid}/limits").read_text().splitlines()

    bound = next(line.split()[-3:-1] for line in limits if line.startswith("Max address space"))
    assert bound == [str(4 * 2**30)] * 2


def test_a_file_that_bursts_is_told(files: Files) -> None:
    """Few bytes in the file, a gigabyte in memory; the reader process is given less than that."""
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), pa.array(["x" * 1_000_000]))
    path = write(files, "part.parquet", pa.table({"x": values}), store_schema=False, write_statistics=False)
    assert path.stat().st_size < 2_000_000
    x = Column("x", pa.string())
    assert files.columns("t") == (x,)
    pid = files.connector._readers._spares[-1].pid
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    resource.prlimit(pid, resource.RLIMIT_AS, (pages * resource.getpagesize() + 500_000_000,) * 2)

    with pytest.raises(SourceFailed) as raised:
        read(files, x)

    assert "part.parquet cannot be read" in raised.value.problem.why


@pytest.mark.parametrize("last", ["writer.close()", "pass"])
def test_an_answer_that_ends_without_saying_that_it_is_whole_is_an_error(
    files: Files, tmp_path: Path, last: str
) -> None:
    """Arrow takes the end of the pipe between two batches for the end of the rows."""
    (tmp_path / "reader.py").write_text(f"""
import os
import pyarrow as pa
from swap import channel, fork_server

def main(control):
    _, (sink,) = channel.receive(control)
    rows = pa.record_batch({{"id": pa.array([1, 2, 3], pa.int32())}})
    with os.fdopen(sink, "wb") as pipe:
        writer = pa.ipc.new_stream(pipe, rows.schema)
        writer.write_batch(rows)
        {last}

fork_server.run(main)
""")
    files.connector._readers.close()
    files.connector._readers = Readers("stock", (sys.executable, str(tmp_path / "reader.py")), 0)
    write(files, "part.parquet")

    with pytest.raises(SourceFailed, match="stopped answering"):
        read(files, ID)


def test_who_reads_no_further_costs_no_reader_process(files: Files) -> None:
    """The pipe breaks while the next rows are being decoded."""
    rows = pa.table({"id": range(400_000), "x": [os.urandom(50).hex() for _ in range(400_000)]})
    write(files, "part.parquet", rows)
    fragment = Fragment(SCHEMA, "t", (ID, Column("x", pa.string())))

    for _ in range(5):
        reader = files.connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + 20))
        ours, theirs = os.pipe()
        taken = threading.Thread(target=lambda end: (os.read(end, 70_000), os.close(end)), args=(ours,))
        taken.start()
        assert reader.send(theirs, lambda _: None) is None
        taken.join()
        os.close(theirs)


def test_the_reader_process_ends_with_its_connector(files: Files) -> None:
    files.connector.check()
    pid = files.connector._readers._spares[-1].pid

    files.connector.close()

    assert not Path(f"/proc/{pid}").exists()


def test_a_harvest_tells_of_many_tables_at_once(files: Files) -> None:
    """Each telling is a transaction of the catalog's."""
    for number in range(60):
        files.table(f"t{number}").mkdir(parents=True)
        pq.write_table(NUMBERS, files.table(f"t{number}") / "part.parquet")

    pieces = list(files.connector.harvest())

    assert len({dataset.name for piece in pieces for dataset in piece}) == 60
    assert len(pieces) < 20


def test_a_slow_reader_of_the_result_does_not_make_the_process_grow(files: Files) -> None:
    rows = pa.table(
        {"id": pa.array(range(100_000), pa.int32()), "x": pa.array([os.urandom(250).hex() for _ in range(100_000)])}
    )
    for part in range(4):
        write(files, f"{part}.parquet", rows, row_group_size=5000)
    reader = files.connector.read(Fragment(SCHEMA, "t", files.columns("t")), SOMEBODY, Deadline(time.monotonic() + 60))
    batches = batches_of(reader)
    next(batches)
    time.sleep(1.0)

    assert reader.pid is not None
    resident = next(
        int(line.split()[1])
        for line in Path(f"/proc/{reader.pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    )

    assert resident < 200_000, "kB; the table has 200 MB"
    batches.close()


def test_after_a_cancel_the_next_read_gets_a_process_of_its_own(files: Files) -> None:
    write(files, "part.parquet")
    with files.held("t"):
        reading = Reading(files.connector.read(Fragment(SCHEMA, "t", (ID,)), SOMEBODY, Deadline(time.monotonic() + 20)))
        assert eventually(lambda: files.works("", reading.reader))
        reading.reader.cancel()
        reading.join(PATIENCE_SECONDS)
    assert isinstance(reading.error, QueryCancelled)

    assert len(read(files, ID)) == 100
