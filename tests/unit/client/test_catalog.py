from __future__ import annotations

from swap.client.catalog import Columns, Description, Source, Sources, Table, TableColumn, Tables

PAGEVIEWS = Table("lake.wmf.pageview_hourly", "Views by <hour>", 310482, readable=True)
SALARIES = Table("lake.hr.salaries", "", None, readable=False)
CITY = TableColumn(
    "city",
    "text",
    "Where",
    partition=False,
    readable=False,
    rule="below-country",
    because="locks places",
    ask="data-privacy",
)
YEAR = TableColumn("year", "integer", "", partition=True, readable=True, rule="", because="", ask="")


def test_locked_tables_are_marked_and_counted() -> None:
    assert (
        repr(Tables([PAGEVIEWS, SALARIES]))
        == """\
   table                        rows  access     comment
─  ────────────────────────  ───────  ─────────  ───────────────
1  lake.wmf.pageview_hourly  310,482  readable   Views by <hour>
2  lake.hr.salaries                   🔒 locked

2 tables, 1 locked"""
    )


def test_a_list_of_tables_is_a_list() -> None:
    assert [table.name for table in Tables([PAGEVIEWS, SALARIES])] == ["lake.wmf.pageview_hourly", "lake.hr.salaries"]


def test_a_locked_column_says_by_which_rule_and_whom_to_ask() -> None:
    shown = repr(Columns([CITY, YEAR]))

    assert "🔒 locked; rule below-country; ask data-privacy" in shown
    assert "(partition)" in shown
    assert shown.endswith("2 columns, 1 locked")


def test_a_description_has_the_facts() -> None:
    described = Description(
        "lake.wmf.t",
        "Views",
        "data-platform",
        1000,
        True,
        9_700_000_000,
        "2026-11-23",
        ("year", "month"),
        Columns([YEAR]),
    )

    assert repr(described).splitlines()[:3] == [
        "lake.wmf.t",
        "Views",
        "owner data-platform · 1,000 rows · 9.7 GB · up to 2026-11-23 · partitions year, month",
    ]


def test_a_guess_of_rows_says_about() -> None:
    assert "about 1,000 rows" in repr(Description("lake.wmf.t", "", "", 1000, False, None, None, (), Columns([YEAR])))


def test_comments_are_never_html() -> None:
    assert "<hour>" not in Tables([PAGEVIEWS])._repr_html_()


def test_a_name_is_never_broken_into_lines_but_a_comment_is() -> None:
    cells = Tables([PAGEVIEWS])._repr_html_().split("<td ")

    assert "white-space:nowrap" in next(cell for cell in cells if "lake.wmf" in cell)
    assert "white-space:pre-wrap" in next(cell for cell in cells if "Views by" in cell)


def test_nothing_found_says_so() -> None:
    assert repr(Tables()) == "No table that you may see has this in its name or comment."


def test_sources_tell_how_they_are() -> None:
    lake = Source(
        "lake", "Apache Hive", "hive", True, 42, 40, "2026-11-22", "2026-11-23T10:00:00+00:00", "data-platform"
    )
    wikis = Source("mediawiki", "MariaDB", "mysql", False, 15, 15, "", "", "")

    shown = repr(Sources([lake, wikis])).splitlines()

    assert shown[2].split() == [
        "1",
        "lake",
        "Apache",
        "Hive",
        "up",
        "42",
        "40",
        "2026-11-22",
        "2026-11-23",
        "10:00",
        "data-platform",
    ]
    assert "down" in shown[3]
    assert shown[-1] == "2 sources"
