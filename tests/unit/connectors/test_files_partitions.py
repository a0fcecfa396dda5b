"""How a table of files is divided, and what of its rows is a count."""

from __future__ import annotations

from swap.connectors.base import Partition
from swap.connectors.files.layout import DataFile
from swap.connectors.files.partitions import KEPT, Rows, divided


def hour(day: int, number: int, part: int = 0) -> DataFile:
    return DataFile(
        f"d{day}h{number}p{part}", 100, (("year", "2026"), ("month", "11"), ("day", str(day)), ("hour", str(number)))
    )


def by(*values: str, key: str = "wiki") -> list[DataFile]:
    return [DataFile(value, 100, ((key, value),)) for value in values]


def test_hours_are_gathered_into_days_the_newest_first() -> None:
    files = [hour(9, 23), hour(10, 0), hour(10, 1), hour(10, 1, part=1)]

    found = divided(files, {file.path: 5 for file in files})

    assert found is not None
    assert (found.keys, found.finer, found.count) == (("year", "month", "day"), "hour", 3)
    assert found.newest == (
        Partition(("2026", "11", "10"), 2, 15, exact=True),
        Partition(("2026", "11", "9"), 1, 5, exact=True),
    )


def test_rows_that_nobody_counted_are_a_guess_by_size() -> None:
    files = [*by("a", "b"), DataFile("c", 300, (("wiki", "c"),))]

    found = divided(files, {"a": 10, "b": 30})

    assert found is not None
    assert [(each.values, each.rows, each.exact) for each in found.newest] == [
        (("c",), 60, False),
        (("b",), 30, True),
        (("a",), 10, True),
    ]
    assert Rows(files, {"a": 10, "b": 30}).of(files) == (100, False)
    assert Rows(files, {"a": 10, "b": 30, "c": 1}).of(files) == (41, True)


def test_numbers_are_in_the_order_of_numbers_and_null_is_the_oldest() -> None:
    found = divided(by("9", "10", "__HIVE_DEFAULT_PARTITION__"), {})

    assert found is not None
    assert [each.values for each in found.newest] == [("10",), ("9",), (None,)]


def test_an_hour_alone_and_other_last_keys_stand_for_themselves() -> None:
    for files in (
        by("1", "2", key="hour"),
        [DataFile("x", 1, (("day", "2026-11-01"), ("wiki", value))) for value in "ab"],
    ):
        found = divided(files, {})
        assert found is not None
        assert (found.finer, len(found.newest)) == ("", 2)


def test_only_the_newest_are_kept_and_all_are_counted() -> None:
    found = divided(by(*map(str, range(KEPT + 5))), {})

    assert found is not None
    assert (found.count, len(found.newest), found.newest[0].values) == (KEPT + 5, KEPT, (str(KEPT + 4),))


def test_a_table_without_partitions_or_with_several_kinds_is_not_divided() -> None:
    assert divided([DataFile("a", 1)], {}) is None
    assert divided([*by("a"), *by("b", key="day")], {}) is None
