"""The gateway's catalogue as pages show it."""

from __future__ import annotations

from typing import Any

from swap.catalog.model import Count
from swap.notebooks.model import Example
from swap.web import catalogue

SOURCES: list[dict[str, Any]] = [
    {
        "name": "lake",
        "kind": "files",
        "title": "",
        "owner": None,
        "note": None,
        "up": False,
        "since": "2026-11-24T09:12:00Z",
        "tables": {"visible": 2, "readable": 1},
    }
]
TABLES: list[dict[str, Any]] = [
    {"source": "lake", "schema": "event", "table": "x.with.dots", "comment": None, "readable": False, "rule": "r"},
    {"source": "lake", "schema": "wmf", "table": "pageview_hourly", "comment": "Views", "rows": 5, "readable": True},
    {"source": "lake", "schema": "wmf", "table": "webrequest", "readable": True},
]


def test_sources_keep_what_the_gateway_says() -> None:
    source = catalogue.sources(SOURCES)[0]
    assert (source.title, source.owner, source.up, source.readable, source.visible) == ("files", "", False, 1, 2)
    assert source.since is not None


def test_of_a_sources_servers_those_stand_of_which_something_is_known() -> None:
    known = {"up": True, "since": "2026-11-24T09:12:00Z", "harvested_at": None, "stopped": None, "read_only": True}
    servers = [
        {**known, "name": name, "lag_seconds": lag} for name, lag in (("", None), ("", 3.0), ("s1", None), ("s2", 5.0))
    ]

    source = catalogue.sources([{**SOURCES[0], "servers": servers}])[0]

    assert [(each.name, each.lag_seconds) for each in source.servers] == [("", 3.0), ("s1", None), ("s2", 5.0)]


def test_tables_stand_by_schema_with_what_is_known_of_it() -> None:
    tables = tuple(map(catalogue.table, TABLES))
    many = Count(240, 200)
    listing = catalogue.Listing(tables, 101, "…", many, many)
    groups = catalogue.grouped(tables, catalogue.schemas([{"name": "wmf", "visible": 31, "readable": 29}]))

    assert [table.full_name for table in tables][:2] == ["lake.event.x.with.dots", "lake.wmf.pageview_hourly"]
    assert [(group.name, len(group.tables)) for group in groups] == [("event", 1), ("wmf", 2)]
    assert (groups[0].schema, groups[1].schema) == (None, catalogue.Schema("wmf", Count(31, 29)))
    assert (listing.begins, listing.ends, listing.whole) == (101, 103, False)


def test_what_is_shown_is_counted_from_all_there_are() -> None:
    many = Count(240, 200)

    assert [catalogue.shown(many, show).visible for show in catalogue.SHOWN] == [240, 200, 40]


def test_locks_are_gathered_by_rule() -> None:
    columns = [
        {"name": name, "readable": name == "a", "rule": rule, "because": "it is", "ask": "us"}
        for name, rule in (("a", "x"), ("b", "r"), ("c", "r"), ("d", "s"))
    ]
    assert [(lock.rule, lock.columns) for lock in catalogue.locks({"columns": columns})] == [
        ("r", ("b", "c")),
        ("s", ("d",)),
    ]


def test_where_no_rule_speaks_there_is_one_lock_without_a_name() -> None:
    columns = [
        {"name": name, "readable": False, "rule": "default", "because": f"keeps {name} closed", "ask": "us"}
        for name in "ab"
    ]
    assert catalogue.locks({"columns": columns}) == (catalogue.Lock("", "", "us", ("a", "b")),)


def test_examples_that_a_person_may_not_run_are_marked_and_stand_last() -> None:
    sqls = [
        "",
        "SELECT 1",
        "FROM lake.event.x",
        "FROM lake.wmf.pageview_hourly JOIN lake.event.x",
        "FROM lake.wmf.pageview_hourly -- x.y.z",
    ]
    readable = {("lake", "wmf", "pageview_hourly"), ("x", "y", "z")}
    named = catalogue.named_tables(sqls, ["lake"])

    examples = [Example(str(number), "", "", "") for number, _ in enumerate(sqls)]
    offered = catalogue.offered(examples, named, readable)
    assert [(each.example.name, each.locked, each.runs) for each in offered] == [
        ("0", (), False),
        ("1", (), False),
        ("4", (), True),
        ("2", ("lake.event.x",), False),
        ("3", ("lake.event.x",), False),
    ]
    unknown = catalogue.offered(examples, named, None)
    assert [(each.example.name, each.locked, each.runs) for each in unknown] == [(n, (), False) for n in "01234"]


def test_locked_columns_keep_their_place_among_ten_rows() -> None:
    table = {
        "columns": [
            {"name": "a", "type": "text", "readable": True},
            {"name": "b", "type": "text", "readable": False},
            {"name": "c", "type": "text", "readable": True},
        ]
    }
    assert catalogue.with_locked(table, [{"name": "a"}, {"name": "c"}]) == (
        catalogue.Shown("a", "text", 0),
        catalogue.Shown("b", "text", None),
        catalogue.Shown("c", "text", 1),
    )


def test_many_locked_columns_do_not_hide_the_ten_rows() -> None:
    locked = [{"name": f"b{number}", "type": "text", "readable": False} for number in range(catalogue.HATCHED + 1)]
    table = {"columns": [{"name": "a", "type": "text", "readable": True}, *locked]}
    assert catalogue.with_locked(table, [{"name": "a"}]) == (catalogue.Shown("a", "text", 0),)
