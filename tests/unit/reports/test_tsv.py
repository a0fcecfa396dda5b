"""A data file's rows: a period anew, columns that come and go, the last so many periods.  As reportupdater wrote them."""

from __future__ import annotations

from datetime import date

import pytest

from swap.errors import Invalid
from swap.reports.tsv import EMPTY, VALUE_CHARACTERS, Table, Unit, back, begins, following, merged, read, written

MARCH = (date(2026, 3, 1), date(2026, 4, 1))


def table(text: str) -> Table:
    return read("".join("\t".join(line.split()) + "\r\n" for line in text.strip().splitlines()))


def lines(made: Table) -> list[str]:
    return written(made).split("\r\n")[:-1]


def test_a_file_that_nothing_changes_stays_the_same_to_each_byte() -> None:
    text = 'date\tviews\twho\r\n2026-02-01\t1\t"a\tb"\r\n2026-03-01\t\t"say ""hi"""\r\n'
    before = read(text)
    assert written(before) == text
    period = (date(2026, 3, 1), date(2026, 4, 1))
    assert written(merged(before, Table(before.columns, before.rows[1:]), period, Unit.MONTHS)) == text


def test_a_period_is_replaced_and_the_others_stay_in_order() -> None:
    before = table("date wiki n\n2026-02-01 de 1\n2026-03-01 de 2\n2026-03-01 fr 3\n2026-04-01 de 4")
    made = merged(before, table("date wiki n\n2026-03-01 en 9\n2026-03-01 de 8"), MARCH, Unit.MONTHS)
    assert lines(made)[1:] == ["2026-02-01\tde\t1", "2026-03-01\ten\t9", "2026-03-01\tde\t8", "2026-04-01\tde\t4"]


def test_columns_that_come_go_or_move_are_merged_and_gaps_are_empty() -> None:
    before = table("date b a gone\n2026-02-01 1 2 3")
    made = merged(before, table("date a new b\n2026-03-01 5 6 7"), MARCH, Unit.MONTHS)
    assert lines(made) == ["date\ta\tnew\tb\tgone", "2026-02-01\t2\t\t1\t3", "2026-03-01\t5\t6\t7\t"]


def test_the_day_is_the_first_column_however_it_is_called() -> None:
    made = merged(table("date n\n2026-02-01 1"), table("Week n\n2026-03-01 2"), MARCH, Unit.MONTHS)
    assert lines(made) == ["Week\tn", "2026-02-01\t1", "2026-03-01\t2"]


def test_a_new_file_begins_with_its_columns() -> None:
    assert lines(merged(EMPTY, table("date n\n2026-03-01 1"), MARCH, Unit.MONTHS)) == ["date\tn", "2026-03-01\t1"]


def test_weakness_1_no_rows_are_no_row_of_nothing_and_late_data_come_in() -> None:
    """An empty result became a row of nulls, so that late data never came; here the period stays missing until then."""
    columns = Table(("date", "n"), ())
    before = table("date n\n2026-02-01 1")
    empty = merged(before, columns, MARCH, Unit.MONTHS)
    assert lines(empty) == ["date\tn", "2026-02-01\t1"]
    assert date(2026, 3, 1) not in empty.days
    late = merged(empty, table("date n\n2026-03-01 7"), MARCH, Unit.MONTHS)
    assert lines(late)[2:] == ["2026-03-01\t7"]


@pytest.mark.parametrize(
    ("unit", "most", "left"),
    [
        (Unit.MONTHS, 2, ["2026-02-01", "2026-03-01"]),
        (Unit.MONTHS, 1, ["2026-03-01"]),
        (Unit.MONTHS, 99, ["2025-12-01", "2026-01-01", "2026-02-01", "2026-03-01"]),
    ],
)
def test_of_the_last_periods_rows_are_kept(unit: Unit, most: int, left: list[str]) -> None:
    before = table("date n\n2025-12-01 1\n2026-01-01 1\n2026-02-01 1")
    made = merged(before, table("date n\n2026-03-01 1"), MARCH, unit, most)
    assert [line.split("\t")[0] for line in lines(made)[1:]] == left


def test_a_period_of_before_does_not_move_the_window() -> None:
    before = table("date n\n2026-02-01 1\n2026-03-01 1")
    made = merged(before, table("date n\n2026-02-01 9"), (date(2026, 2, 1), date(2026, 3, 1)), Unit.MONTHS, 2)
    assert lines(made)[1:] == ["2026-02-01\t9", "2026-03-01\t1"]


def test_a_period_that_is_out_of_the_window_is_not_written() -> None:
    before = table("date n\n2026-03-01 1\n2026-04-01 1")
    made = merged(before, table("date n\n2026-01-01 9"), (date(2026, 1, 1), date(2026, 2, 1)), Unit.MONTHS, 2)
    assert made == before


def test_what_is_written_can_be_read_again() -> None:
    long = Table(("date", "n"), (("2026-03-01", "x" * VALUE_CHARACTERS),))
    assert read(written(long)) == long
    with pytest.raises(Invalid, match="no data file's"):
        merged(EMPTY, Table(("date", "n"), (("2026-03-01", "x" * (VALUE_CHARACTERS + 1)),)), MARCH, Unit.MONTHS)


def test_a_run_writes_no_day_that_it_is_not_about() -> None:
    with pytest.raises(Invalid, match="There are rows of 2026-02-01, and the run is about 2026-03-01"):
        merged(EMPTY, table("date n\n2026-02-01 1\n2026-03-01 1"), MARCH, Unit.MONTHS)


@pytest.mark.parametrize(
    "text",
    [
        "date\tn\r\nsoon\t1\r\n",
        "date\tn\r\n2026-02-30\t1\r\n",
        "date\tdate\r\n",
        "date\tn\r\n2026-03-01\r\n",
        "date\tn\r\n\t1\r\n",
        '"a\tb',
    ],
)
def test_what_is_no_data_file_is_not_written_over(text: str) -> None:
    with pytest.raises(Invalid):
        read(text)


def test_periods_begin_and_follow_as_there() -> None:
    assert begins(Unit.WEEKS, date(2026, 3, 4)) == begins(Unit.WEEKS, date(2026, 3, 1)) == date(2026, 3, 1)
    assert following(Unit.WEEKS, date(2026, 3, 1)) == date(2026, 3, 8)
    assert [following(Unit.MONTHS, date(2026, month, 1)) for month in (1, 12)] == [date(2026, 2, 1), date(2027, 1, 1)]
    assert back(Unit.WEEKS, date(2026, 3, 8), 2) == date(2026, 2, 22)
    assert back(Unit.MONTHS, date(2026, 1, 31), 11) == date(2025, 2, 28)
    assert back(Unit.MONTHS, date(2026, 1, 31), 10**6).year == 1
