"""The gateway's catalogue as pages show it."""

from __future__ import annotations

from typing import Any

from swap.web import catalogue

CATALOG: dict[str, Any] = {
    "sources": [
        {
            "name": "lake",
            "kind": "files",
            "title": "",
            "owner": None,
            "note": None,
            "up": False,
            "since": "2026-11-24T09:12:00Z",
            "tables_readable": 1,
            "tables_visible": 2,
        }
    ],
    "tables": [
        {"name": "lake.wmf.pageview_hourly", "comment": "Views of pages", "rows": 5, "readable": True},
        {"name": "lake.event.x.with.dots", "comment": None, "rows": None, "readable": False, "rule": "r", "ask": "a"},
        {"name": "mediawiki.enwiki.page", "comment": "", "rows": 1, "readable": True},
        {"name": "broken"},
    ],
}


def test_sources_keep_what_the_gateway_says() -> None:
    source = catalogue.sources(CATALOG)[0]
    assert (source.title, source.owner, source.up, source.readable, source.visible) == ("files", "", False, 1, 2)
    assert source.since is not None


def test_tables_are_of_their_source_and_sorted_by_schema() -> None:
    tables = catalogue.tables(CATALOG, "lake")
    assert [table.full_name for table in tables] == ["lake.event.x.with.dots", "lake.wmf.pageview_hourly"]
    assert [group.schema for group in catalogue.grouped(tables)] == ["event", "wmf"]


def test_every_word_must_be_in_name_or_comment() -> None:
    tables = catalogue.tables(CATALOG, "lake")
    assert [table.name for table in catalogue.narrowed(tables, "WMF views", "all")] == ["pageview_hourly"]
    assert [table.name for table in catalogue.narrowed(tables, "", "locked")] == ["x.with.dots"]
    assert catalogue.narrowed(tables, "views nothing", "all") == ()
    assert len(catalogue.narrowed(tables, "", "anything")) == 2


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


def test_the_example_shown_is_the_first_this_person_can_run() -> None:
    sqls = [
        "",
        "SELECT 1",
        "FROM lake.event.x",
        "FROM lake.wmf.pageview_hourly JOIN lake.event.x",
        "FROM lake.wmf.pageview_hourly -- x.y.z",
    ]
    assert catalogue.first_runnable(sqls, CATALOG) == 4
    assert catalogue.first_runnable(sqls[:4], CATALOG) is None
    assert catalogue.first_runnable(sqls, {}) is None


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
