"""A table's partitions as its page shows them."""

from __future__ import annotations

from typing import Any

import pytest

from swap.web import partitions


def table(
    *newest: tuple[list[str | None], int, int],
    keys: tuple[str, ...] = ("year", "month", "day"),
    finer: str = "hour",
    count: int | None = None,
    type_: str = "integer",
) -> dict[str, Any]:
    """Return the gateway's words for a table; each of `newest` is values, parts, rows."""
    return {
        "columns": [{"name": key, "type": type_} for key in keys],
        "divided": {
            "keys": list(keys),
            "finer": finer,
            "count": sum(parts for _, parts, _ in newest) if count is None else count,
            "newest": [
                {"values": values, "parts": parts, "rows": rows, "exact": True} for values, parts, rows in newest
            ],
        },
    }


def day(number: int, parts: int = 24, rows: int = 10) -> tuple[list[str | None], int, int]:
    return ["2026", "11", str(number)], parts, rows


def shown(found: dict[str, Any]) -> list[tuple[str, int]]:
    block = partitions.block(found)
    assert block is not None
    return [(part.label, part.missing) for part in block.parts]


def test_a_day_with_fewer_hours_than_its_neighbours_is_marked() -> None:
    assert shown(table(day(24, 9), day(23), day(22, 14), day(21), day(20, 3))) == [
        ("24 Nov", 0),
        ("23 Nov", 0),
        ("22 Nov", 10),
        ("21 Nov", 0),
        ("20 Nov", 0),
    ], "the newest is still filling, and data begins late on the first"
    assert shown(table(day(24), day(23), day(22, 20), count=500))[-1] == ("22 Nov", 4), (
        "older days are there, so this one is short"
    )


def test_days_that_are_not_there_are_a_line_of_their_own() -> None:
    assert shown(table(day(24), day(22))) == [("24 Nov", 0), ("23 Nov", 24), ("22 Nov", 0)]
    assert shown(table(day(24), day(20)))[1] == ("21 Nov to 23 Nov", 72)
    assert shown(table(day(24, 1), day(20, 1), finer="")) == [("24 Nov", 0), ("20 Nov", 0)], (
        "without hours nobody knows which days there should be"
    )


def test_what_is_missing_is_also_said_in_words() -> None:
    block = partitions.block(table(day(24), day(23, 23), day(22), day(21, 14), day(20)))
    assert block is not None
    assert block.gaps == "Missing, by what the days beside have: 21 Nov: 10 hours; 23 Nov: 1 hour."


@pytest.mark.parametrize(
    ("keys", "values", "head", "label"),
    [
        (("year", "month", "day"), ["2025", "3", "1"], "Day", "1 Mar"),
        (("year", "month"), ["2025", "3"], "Month", "Mar 2025"),
        (("day",), ["2026-11-23"], "day", "23 Nov"),
        (("month",), ["2026-10"], "month", "2026-10"),
        (("month",), ["12"], "month", "12"),
        (("day", "wiki"), ["2026-11-23", "enwiki"], "day, wiki", "2026-11-23, enwiki"),
        (("wiki",), [None], "wiki", "null"),
        (("year", "month", "day"), ["2026", "2", "30"], "Day", "2026, 2, 30"),
        (("year", "month"), ["2026", "13"], "Month", "2026, 13"),
    ],
)
def test_partitions_have_the_names_people_give_them(
    keys: tuple[str, ...], values: list[str | None], head: str, label: str
) -> None:
    block = partitions.block(table((values, 1, 1), keys=keys, finer=""))
    assert block is not None
    assert (block.head, block.parts[0].label) == (head, label)


def test_another_year_is_said() -> None:
    assert shown(table((["2026", "1", "1"], 24, 1), (["2025", "12", "31"], 24, 1))) == [
        ("1 Jan", 0),
        ("31 Dec 2025", 0),
    ]


def test_seven_are_shown_and_all_that_are_kept_on_demand() -> None:
    found = table(*(day(number) for number in range(24, 14, -1)), count=1000)
    block, everything = partitions.block(found), partitions.block(found, everything=True)
    assert block is not None
    assert everything is not None
    assert (len(block.parts), block.hidden, block.older) == (7, 3, 760)
    assert (len(everything.parts), everything.hidden, everything.count) == (10, 0, 1000)


def test_bars_are_as_long_as_the_rows_are_many() -> None:
    block = partitions.block(table(day(24, rows=5), day(23, rows=10), day(22, rows=0)))
    assert block is not None
    assert [part.share for part in block.parts] == [50, 100, 0]
    assert partitions.block(table(day(24, rows=0))) is not None, "no row anywhere is no division by zero"


def test_a_table_that_the_gateway_does_not_call_divided_has_no_block() -> None:
    assert partitions.block({"divided": None}) is None
    assert partitions.block({}) is None
    assert partitions.newest({"divided": None}) == ("", "")


@pytest.mark.parametrize(
    ("found", "condition"),
    [
        (table(day(24)), "year = 2026 AND month = 11 AND day = 24"),
        (table((["o'b"], 1, 1), keys=("wiki",), finer="", type_="text"), "wiki = 'o''b'"),
        (table((["2026-11-23"], 1, 1), keys=("day",), finer="", type_="date"), "day = DATE '2026-11-23'"),
        (table(([None], 1, 1), (["7"], 1, 1), keys=("order",), finer=""), '"order" = 7'),
        (table(([None], 1, 1), keys=("a",), finer=""), ""),
        (table(day(24, rows=0), day(23)), "year = 2026 AND month = 11 AND day = 23"),
        (table((["x"], 1, 1), keys=("a",), finer="", type_="map"), ""),
    ],
)
def test_a_query_names_the_newest_partition_that_has_rows(found: dict[str, Any], condition: str) -> None:
    assert partitions.newest(found)[0] == condition


def test_the_newest_partition_has_a_name_that_stands_in_a_sentence() -> None:
    assert partitions.newest(table(day(24)))[1] == "24 Nov"
    assert partitions.newest(table((["2026-11-23"], 1, 1), keys=("day",), finer="", type_="date"))[1] == "23 Nov"
    assert partitions.newest(table((["12"], 1, 1), keys=("month",), finer=""))[1] == "month 12"
