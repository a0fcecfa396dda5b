"""Which questions are the same to a run that goes on after a failure, and how it takes their results."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from swap.arrow_stream import StreamWriter
from swap.connectors.base import Sent
from swap.errors import LimitExceeded, NotFound
from swap.policy.model import Resource
from swap.query.model import Statement
from swap.query.results.spool import Spool
from swap.query.resume import _copy, fingerprint
from swap.settings import Limits

READS = (Resource("lake", "wmf", "pages", "id"), Resource("lake", "wmf", "pages", "title"))
ASKED = Statement("SELECT id, title FROM lake.wmf.pages WHERE id > :n", {"n": 1})
SCHEMA = pa.schema([("n", pa.int64())])


def test_the_same_question_has_the_same_fingerprint_whichever_kernel_asks() -> None:
    again = replace(ASKED, kernel_id="report-r-2", program="x", params=dict(ASKED.params))
    assert fingerprint(again, READS) == fingerprint(ASKED, READS) is not None


@pytest.mark.parametrize(
    "other",
    [
        replace(ASKED, text=ASKED.text + " "),
        replace(ASKED, dialect="mysql"),
        replace(ASKED, params={"n": 2}),
        replace(ASKED, params={"n": "1"}),
        replace(ASKED, params={"n": True}),
        replace(ASKED, params={"n": 1.0}),
        replace(ASKED, params={"n": Decimal(1)}),
        replace(ASKED, params={"n": datetime(2026, 11, 1, tzinfo=UTC)}),
        replace(ASKED, params={"m": 1}),
        replace(ASKED, params={"n": 1, "m": 1}),
    ],
)
def test_another_text_dialect_or_value_is_another_question(other: Statement) -> None:
    assert fingerprint(other, READS) != fingerprint(ASKED, READS)


def test_what_reads_other_columns_by_now_is_another_question_and_ones_own_tables_are_none() -> None:
    assert fingerprint(ASKED, READS[:1]) != fingerprint(ASKED, READS)
    assert fingerprint(replace(ASKED, tables={"mine": "u1"}), READS) is None


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool", Limits())
    result = made.create("q1")
    writing = StreamWriter(result.sink, SCHEMA, lambda rows, at: result.grew(Sent(rows, at)))
    for number in range(3):
        writing.write(pa.record_batch([[number, number + 10]], schema=SCHEMA))
    writing.end()
    result.end(complete=True)
    return made


def test_a_result_that_is_taken_is_one_of_its_own(spool: Spool) -> None:
    _copy(spool, "q1", "q2")
    spool.forget("q1")
    read = pa.ipc.open_stream(b"".join(spool.stream("q2", 0).parts)).read_all()
    assert read.column("n").to_pylist() == [0, 10, 1, 11, 2, 12]
    assert spool.written("q2").rows == [0, 2, 4, 6]
    assert spool.written("q2").complete


def test_what_is_gone_is_taken_by_nobody_and_what_is_too_large_by_now_leaves_nothing(
    spool: Spool, tmp_path: Path
) -> None:
    with pytest.raises(NotFound):
        _copy(spool, "q9", "q2")
    with pytest.raises(LimitExceeded):
        _copy(Spool(tmp_path / "spool", Limits(rows=5)), "q1", "q3")
    assert sorted(path.name for path in (tmp_path / "spool").iterdir()) == ["q1.arrow", "q1.json"]
