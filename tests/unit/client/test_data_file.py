"""Rows for a data file are shown as text, with a day first; by hand nothing else happens."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from swap.client.data_file import MOST_ROWS, data_file
from swap.errors import Invalid, LimitExceeded


def test_rows_are_shown_with_their_file(capsys: pytest.CaptureFixture[str]) -> None:
    rows = pa.table(
        {
            "date": pa.array([date(2026, 3, 1), date(2026, 3, 2)]),
            "views": pa.array([Decimal("1.50"), None], pa.decimal128(5, 2)),
            "wiki": pa.array([b"de", b"fr"]),
            "mobile": [True, False],
        }
    )
    data_file(rows, wiki="dewiki")
    assert capsys.readouterr().out == (
        "2 rows for the data file of wiki = dewiki\n"
        "date\tviews\twiki\tmobile\n2026-03-01\t1.50\tde\ttrue\n2026-03-02\t\tfr\tfalse\n"
    )


def test_a_frame_and_a_moment_do(capsys: pytest.CaptureFixture[str]) -> None:
    data_file(pd.DataFrame({"date": [datetime(2026, 3, 1, tzinfo=UTC)], "n": [7]}))
    assert capsys.readouterr().out.endswith("\n2026-03-01\t7\n")


def test_no_rows_are_shown_too(capsys: pytest.CaptureFixture[str]) -> None:
    data_file(pa.table({"date": pa.array([], pa.date32())}))
    assert capsys.readouterr().out == "0 rows for the data file\ndate\n"


def test_of_a_long_value_its_beginning_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    data_file(pa.table({"date": ["2026-03-01"], "text": ["x" * 100_000]}))
    assert capsys.readouterr().out.endswith(f"\n2026-03-01\t{'x' * 100}\n")


def test_the_first_column_is_a_day() -> None:
    with pytest.raises(Invalid, match="wiki, is no day"):
        data_file(pa.table({"wiki": ["dewiki"], "date": ["2026-03-01"]}))


def test_there_are_not_too_many() -> None:
    with pytest.raises(LimitExceeded):
        data_file(pa.table({"date": ["2026-03-01"] * (MOST_ROWS + 1)}))


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(Invalid, match="not a table"):
        data_file(3)
