"""The spool: results that grow, pages of them, limits, and what is left when something breaks."""

from __future__ import annotations

import os
import stat
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from swap.arrow_stream import END_OF_STREAM, StreamWriter
from swap.connectors.base import Sent
from swap.errors import Invalid, LimitExceeded, NotFound
from swap.query.results import pages
from swap.query.results.filters import Filter
from swap.query.results.spool import ResultFile, Spool
from swap.settings import Limits

SCHEMA = pa.schema([("n", pa.int64()), ("t", pa.string()), ("l", pa.list_(pa.int64()))])


def batch(start: int, count: int = 10) -> pa.RecordBatch:
    numbers = list(range(start, start + count))
    return pa.record_batch(
        [numbers, [f"é {number % 7}" for number in numbers], [[number] for number in numbers]], schema=SCHEMA
    )


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", Limits(rows=100, bytes=10_000, spool_bytes=20_000))


def writer(result: ResultFile) -> StreamWriter:
    """Return what writes a result as a combiner does."""
    return StreamWriter(result.sink, SCHEMA, lambda rows, at: result.grew(Sent(rows, at)))


def kept(spool: Spool, query_id: str = "q1", batches: int = 3) -> None:
    result = spool.create(query_id)
    writing = writer(result)
    for index in range(batches):
        writing.write(batch(index * 10))
    writing.end()
    result.end(complete=True)


def read(spool: Spool, first: int = 0) -> pa.Table:
    parts, size = spool.stream("q1", first)
    sent = b"".join(parts)
    assert size == len(sent)
    return pa.ipc.open_stream(sent).read_all()


def test_a_kept_result_comes_back_whole_or_from_a_batch_on(spool: Spool) -> None:
    kept(spool)

    assert read(spool).column("n").to_pylist() == list(range(30))
    assert read(spool, 2).column("n").to_pylist() == list(range(20, 30))
    assert read(spool, 99).num_rows == 0


def test_a_result_outlives_the_process_that_wrote_it(spool: Spool, tmp_path: Path) -> None:
    kept(spool)

    assert pages.page(Spool(tmp_path / "spool", Limits()), "q1", 25, 10, None, descending=False).rows[0][0] == "25"


def test_files_are_private(spool: Spool, tmp_path: Path) -> None:
    kept(spool)

    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "spool").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700


def test_a_reader_follows_and_sees_the_end(spool: Spool) -> None:
    result = spool.create("q1")
    chunks: list[bytes] = []
    reader = threading.Thread(target=lambda: chunks.extend(spool.stream("q1", 0).parts))
    reader.start()
    writing = writer(result)
    writing.write(batch(0))
    deadline = time.monotonic() + 5
    while sum(map(len, chunks)) < 400:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    writing.write(batch(10))
    writing.end()
    result.end(complete=True)
    reader.join(timeout=5)

    assert pa.ipc.open_stream(b"".join(chunks)).read_all().num_rows == 20
    assert b"".join(chunks).endswith(END_OF_STREAM)


def test_a_result_that_broke_off_has_no_end_mark_and_is_not_kept(spool: Spool, tmp_path: Path) -> None:
    result = spool.create("q1")
    writing = writer(result)
    writing.write(batch(0))
    result.end(complete=False)

    assert not b"".join(spool.stream("q1", 0).parts).endswith(END_OF_STREAM)
    with pytest.raises(NotFound):
        pages.page(Spool(tmp_path / "spool", Limits()), "q1", 0, 10, None, descending=False)


@pytest.mark.parametrize(
    ("offset", "limit"), [(0, 10), (5, 10), (9, 2), (10, 10), (29, 10), (30, 10), (500, 10), (0, 0), (0, 100)]
)
def test_a_page_is_the_same_as_a_slice(spool: Spool, offset: int, limit: int) -> None:
    kept(spool)

    page = pages.page(spool, "q1", offset, limit, None, descending=False)

    assert [row[0] for row in page.rows] == [str(number) for number in range(30)][offset : offset + limit]
    assert page.total == 30


@pytest.mark.parametrize("descending", [False, True])
def test_a_sorted_page_is_a_page_of_everything_sorted(spool: Spool, descending: bool) -> None:
    kept(spool)

    page = pages.page(spool, "q1", 4, 5, "t", descending=descending)

    assert [row[1] for row in page.rows] == sorted((f"é {number % 7}" for number in range(30)), reverse=descending)[4:9]


def test_what_cannot_be_sorted_says_so(spool: Spool) -> None:
    kept(spool)

    with pytest.raises(Invalid):
        pages.page(spool, "q1", 0, 5, "l", descending=False)
    with pytest.raises(Invalid):
        pages.page(spool, "q1", 0, 5, "nope", descending=False)


def test_an_empty_result_has_columns_and_no_rows(spool: Spool) -> None:
    kept(spool, batches=0)

    assert pages.page(spool, "q1", 0, 10, None, descending=False).rows == ()
    assert pages.page(spool, "q1", 0, 10, "n", descending=False).rows == ()
    assert read(spool).schema == SCHEMA


def test_limits_are_named(spool: Spool) -> None:
    result = spool.create("q1")
    writing = writer(result)
    with pytest.raises(LimitExceeded, match=r"limits\.rows"):
        writing.write(batch(0, 101))
    result.end(complete=False)

    result = spool.create("q2")
    writing = writer(result)
    with pytest.raises(LimitExceeded, match=r"limits\.bytes"):
        writing.write(pa.record_batch([[1], ["x" * 20_000], [[1]]], schema=SCHEMA))
    result.end(complete=False)


def test_a_full_spool_takes_no_more(spool: Spool, tmp_path: Path) -> None:
    (tmp_path / "spool" / "old.arrow").write_bytes(b"x" * 30_000)
    spool = Spool(tmp_path / "spool", Limits(spool_bytes=20_000))

    with pytest.raises(LimitExceeded, match=r"limits\.spool_bytes"):
        spool.create("q1")
    spool.forget("old")
    spool.create("q1")


def test_what_is_kept_is_counted_as_it_comes_and_goes(spool: Spool, tmp_path: Path) -> None:
    def on_disk() -> int:
        return sum(path.stat().st_size for path in (tmp_path / "spool").glob("*.arrow"))

    kept(spool, "q1")
    assert spool.size_bytes() == on_disk() > 0
    growing = spool.create("q2")
    writer(growing).write(batch(0))
    assert spool.size_bytes() == on_disk()
    kept(spool, "q3")
    spool.forget("q1")
    spool.forget("q1")
    assert spool.size_bytes() == on_disk()
    growing.end(complete=False)
    spool.forget("q2")
    assert spool.size_bytes() == on_disk() > 0
    spool.forget("q3")
    assert spool.size_bytes() == 0


def test_old_results_are_forgotten_and_running_ones_kept(spool: Spool, tmp_path: Path) -> None:
    kept(spool, "q1")
    kept(spool, "q2")
    kept(spool, "q3")
    past = time.time() - 25 * 3600
    for name in ("q1", "q2"):
        os.utime(tmp_path / "spool" / f"{name}.arrow", (past, past))

    assert spool.expire({"q2"}, datetime.now(UTC)) == ["q1"]
    assert spool.expire(set(), datetime.now(UTC) - timedelta(hours=2)) == []
    with pytest.raises(NotFound, match="Results are kept for 24 hours"):
        pages.page(spool, "q1", 0, 1, None, descending=False)
    assert pages.page(spool, "q3", 0, 1, None, descending=False).total == 30


@pytest.mark.parametrize("query_id", ["../x", "q/1", "q.1", ""])
def test_an_id_is_never_a_path(spool: Spool, query_id: str) -> None:
    with pytest.raises(AssertionError):
        spool.find(query_id)


def test_a_result_that_is_gone_is_refused_before_the_answer_begins(spool: Spool) -> None:
    with pytest.raises(NotFound):
        spool.stream("q0none", 0)


def test_a_filter_leaves_the_rows_that_have_its_text_and_counts_them(spool: Spool) -> None:
    kept(spool)

    page = pages.page(spool, "q1", 1, 2, None, descending=False, only=Filter("É 3"))

    assert (page.total, page.rows) == (4, (("10", "é 3", "[10]"), ("17", "é 3", "[17]")))


def test_a_filter_of_one_column_looks_at_no_other_and_can_be_sorted(spool: Spool) -> None:
    kept(spool)

    page = pages.page(spool, "q1", 0, 2, "n", descending=True, only=Filter("2", "n"))

    assert [row[0] for row in page.rows] == ["29", "28"]
    assert page.total == 12


def test_a_filter_that_cannot_be_says_why(spool: Spool) -> None:
    kept(spool)
    for column in ("l", "gone"):
        with pytest.raises(Invalid):
            pages.page(spool, "q1", 0, 2, None, descending=False, only=Filter("2", column))


def test_no_row_of_a_filter_without_matches_is_shown(spool: Spool) -> None:
    kept(spool)

    page = pages.page(spool, "q1", 0, 2, "t", descending=False, only=Filter("%"))

    assert (page.total, page.rows) == (0, ())


def test_sorts_do_not_wait_for_filters(spool: Spool) -> None:
    kept(spool)
    found: list[int] = []

    def sort() -> None:
        found.append(pages.page(spool, "q1", 0, 2, "n", descending=True).total)

    with pages._FILTERING, pages._FILTERING:
        sorting = threading.Thread(target=sort, daemon=True)
        sorting.start()
        sorting.join(30)
        assert found == [30]
