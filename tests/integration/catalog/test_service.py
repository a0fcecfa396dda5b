"""Tables are found by their names, and listed a page at a time, as one person may see them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from sqlalchemy import Connection

import services
from statements import sent
from swap.catalog import store
from swap.catalog.model import TableName
from swap.catalog.service import Catalog, Wanted
from swap.connectors.base import Column, Dataset
from swap.identity import Principal, Via
from swap.settings import Denial, Grant, Policy

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ANN = Principal("paaaaaaaaa", "ann", frozenset({"analysts"}), Via.PORTAL)
POLICY = Policy(
    grants=(Grant(name="all", groups=("analysts",), on=("pg", "lake")),),
    denials=(
        Denial(name="hidden", on=("pg.secret",), actions=("discover",), because="hides it", ask="x"),
        Denial(name="locked", on=("lake.wmf.editors",), because="locks it", ask="x"),
    ),
)
TABLES = {
    "pg": (
        ("s", "foo"),
        ("s", "Foo"),
        ("s", "BAR"),
        ("s", "bar"),
        ("a.b", "c"),
        ("a", "b.c"),
        ("secret", "foo"),
        ("s", "%_"),
        ("Straße", "Äpfel"),
        ("S", "big"),
    ),
    "lake": (*tuple(("wmf", f"pageview_{n:02d}") for n in range(25)), ("wmf", "editors"), ("event", "nav")),
}


def dataset(schema: str, name: str) -> Dataset:
    return Dataset(schema, name, (Column("a", pa.int64()),), comment=f"What {name} holds")


@pytest.fixture(scope="module")
def filled(module_database: services.Database) -> services.Database:
    with module_database.engine("gateway").begin() as conn:
        for source, names in TABLES.items():
            store.put(conn, source, [dataset(*name) for name in names], NOW)
    return module_database


@pytest.fixture
def conn(filled: services.Database) -> Iterator[Connection]:
    with filled.engine("gateway").begin() as made:
        yield made


@pytest.fixture
def catalog(conn: Connection) -> Catalog:
    return Catalog(conn, POLICY, ANN)


def listed(catalog: Catalog, **wanted: object) -> list[str]:
    return [".".join(each.name[1:]) for each in catalog.tables(Wanted(**wanted), limit=1000).tables]  # type: ignore[arg-type]


# ── By name ─────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (("pg", "s", "foo"), ("s", "foo")),
        (("pg", "s", "Foo"), ("s", "Foo")),
        (("PG", "S", "Foo"), None),  # neither is exact: it could be two
        (("pg", "s", "FOO"), None),
        (("LAKE", "Wmf", "Editors"), ("wmf", "editors")),
        (("pg", "a.b", "c"), ("a.b", "c")),
        (("pg", "a", "b.c"), ("a", "b.c")),
        (("pg", "secret", "foo"), None),
        (("pg", "s", "fo"), None),
    ],
)
def test_an_exact_name_comes_first_and_a_name_that_could_be_two_is_none(
    catalog: Catalog, written: tuple[str, str, str], meant: tuple[str, str] | None
) -> None:
    name = TableName(*written)
    found = catalog.find([name])

    assert {key: tuple(table.name[1:]) for key, table in found.items()} == ({name: meant} if meant else {})


def test_what_differs_in_case_from_a_table_that_is_hidden_is_the_one_that_is_not(filled: services.Database) -> None:
    """A table that does not exist for somebody makes no other one ambiguous."""
    closed = Denial(name="d", on=("pg.s.bar",), actions=("discover",), because="hides both", ask="x")
    with filled.engine("gateway").begin() as conn:
        seen = Catalog(conn, Policy(grants=POLICY.grants, denials=(closed,)), ANN)

        assert seen.find([TableName("pg", "s", "bar"), TableName("pg", "s", "BAR")]) == {}


def test_one_statement_finds_all_names_of_a_query(filled: services.Database, conn: Connection) -> None:
    names = [TableName("lake", "wmf", f"pageview_{n:02d}") for n in range(25)]
    with sent(filled.engine("gateway")) as statements:
        found = Catalog(conn, POLICY, ANN).find(names)

    assert len(found) == 25
    assert len(statements) == 1


# ── Lists ───────────────────────────────────────────────────────────────────────────────────────────
def test_pages_show_every_table_once_in_the_order_of_their_names(catalog: Catalog) -> None:
    pages, after = [], ""
    while True:
        page = catalog.tables(Wanted(source="lake"), after=after, limit=10)
        pages.append([each.name.table for each in page.tables])
        after = page.after
        if not after:
            break

    assert [len(page) for page in pages] == [10, 10, 7]
    names = [name for page in pages for name in page]
    assert names == ["nav", "editors", *(f"pageview_{n:02d}" for n in range(25))]


@pytest.mark.parametrize("after", ["x", "a/b", "a/b/c/d", "\\", "lake/wmf/\\"])
def test_an_after_that_no_page_gave_begins_at_the_beginning(catalog: Catalog, after: str) -> None:
    assert catalog.tables(Wanted(source="lake"), after=after, limit=1).tables[0].name.table == "nav"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"text": "PAGEVIEW 03"}, ["wmf.pageview_03"]),
        ({"text": "holds nav"}, ["event.nav"]),
        ({"text": "%"}, ["s.%_"]),
        ({"text": "nothing"}, []),
        ({"like": "lake.wmf.page*_0?", "text": "03"}, ["wmf.pageview_03"]),
        ({"like": "*.s.%_"}, ["s.%_"]),
        ({"like": "*.S.f*"}, ["s.Foo", "s.foo"]),
        ({"like": "pg.straße.Ä*"}, ["Straße.Äpfel"]),
        ({"source": "lake", "readable": False}, ["wmf.editors"]),
        ({"source": "lake", "schema": "event"}, ["event.nav"]),
        ({"source": "pg", "schema": "secret"}, []),
    ],
)
def test_what_is_wanted_is_listed_and_counted(catalog: Catalog, wanted: dict[str, object], found: list[str]) -> None:
    assert listed(catalog, **wanted) == found
    assert catalog.count(Wanted(**wanted)).visible == len(found)  # type: ignore[arg-type]


def test_schemas_are_those_with_a_table_one_may_know_of(catalog: Catalog) -> None:
    assert catalog.schemas("pg", limit=10) == ["a", "a.b", "S", "s", "Straße"]
    assert catalog.schemas("lake", beginning="W", limit=10) == ["wmf"]
    assert catalog.schemas("pg", limit=2) == ["a", "a.b"]
    assert {name: (each.visible, each.readable) for name, each in catalog.count_by_schema("lake", ["wmf"]).items()} == {
        "wmf": (26, 25)
    }


def test_what_begins_like_what_is_typed_is_offered_whole_names_first(catalog: Catalog) -> None:
    assert [str(each.name) for each in catalog.starting("na", 5)] == ["lake.event.nav"]
    assert [str(each.name) for each in catalog.starting("lake/", 5)] == []
    assert [str(each.name) for each in catalog.starting("EV", 5)] == ["lake.event.nav"]
    assert "lake.wmf.editors" not in [str(each.name) for each in catalog.starting("edit", 5)], "locked"
    assert [each.name.table for each in catalog.inside("lake", "wmf", beginning="edi", limit=5)] == ["editors"]


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        (("lake", "wmf", "pageveiw_03"), "lake.wmf.pageview_03"),
        (("lake", "evnt", "nav"), "lake.event.nav"),
        (("lkae", "event", "nav"), "lake.event.nav"),
        (("event", "nav"), "lake.event.nav"),
        (("nav",), "lake.event.nav"),
        (("pg", "s", "FOO"), "pg.s.Foo"),
    ],
)
def test_the_nearest_tables_are_found_without_going_through_all(
    catalog: Catalog, written: tuple[str, ...], nearest: str
) -> None:
    assert str(catalog.near(written, 3)[0].name) == nearest


def test_a_hidden_table_is_near_to_nothing(catalog: Catalog) -> None:
    assert all(each.name.schema != "secret" for each in catalog.near(("pg", "secret", "foo"), 10))


# ── Rules ───────────────────────────────────────────────────────────────────────────────────────────
def test_a_change_of_rules_counts_at_once(conn: Connection) -> None:
    name = TableName("lake", "event", "nav")
    closed = Denial(name="new", on=("lake.event",), actions=("discover",), because="hides it", ask="x")
    changed = Policy(grants=POLICY.grants, denials=(*POLICY.denials, closed))

    assert Catalog(conn, POLICY, ANN).find([name])
    assert not Catalog(conn, changed, ANN).find([name])
    assert "event.nav" not in listed(Catalog(conn, changed, ANN), source="lake")


# ── What is kept ────────────────────────────────────────────────────────────────────────────────────
def test_only_what_changed_is_written_again_and_what_has_no_name_is_not_kept(database: services.Database) -> None:
    with database.engine("gateway").begin() as conn:
        assert (
            store.put(conn, "pg", [dataset("s", "a"), dataset("s", "b"), dataset("", "c"), dataset("s", "")], NOW) == 2
        )
        changed = Dataset("s", "b", (Column("a", pa.int32()),), comment="What b holds")
        assert store.put(conn, "pg", [dataset("s", "a"), changed], NOW) == 1
        assert store.forget_unseen(conn, "pg", {("s", "b")}) == 1
        (kept,) = store.find(conn, [TableName("pg", "s", "B"), TableName("pg", "s", "a")])

    assert kept.dataset == changed


def test_a_table_that_cannot_be_named_holds_up_no_other(database: services.Database) -> None:
    """Whoever may write one table into a lake could otherwise stop its whole catalog."""
    odd = Dataset("s", "odd", (Column("a", pa.int64(), comment="x\0y"),), comment="half \ud800", newest="\0")
    bad = [Dataset("s", "bad", (Column("b\0c", pa.int64()),)), dataset("s\ud800", "t"), dataset("s", "t" * 3_000)]
    with database.engine("gateway").begin() as conn:
        assert store.put(conn, "pg", [dataset("s", "a"), *bad, odd, dataset("s", "z")], NOW) == 3
        names = [TableName("pg", "s", each) for each in ("a", "odd", "z")]
        found = {each.dataset.name: each.dataset for each in store.find(conn, names)}

    assert sorted(found) == ["a", "odd", "z"]
    assert (found["odd"].comment, found["odd"].columns[0].comment) == ("half \ufffd", "x\ufffdy")


@pytest.mark.parametrize("text", ["a\0", "\ud800", "x" * 5_000])
def test_what_the_database_cannot_hold_is_not_there(catalog: Catalog, text: str) -> None:
    assert catalog.find([TableName("pg", text, "foo"), TableName(text, "s", "foo")]) == {}
    assert catalog.near((text, "s", "foo"), 3) == ()
    assert catalog.tables(Wanted(text=text)).tables == ()
    assert catalog.tables(Wanted(source=text)).tables == ()
    assert catalog.tables(Wanted(like=text)).tables == ()
    assert catalog.tables(Wanted(source="pg"), after=f"{text}/{text}/{text}").tables
    assert (catalog.starting(text, 3), catalog.schemas(text, limit=3), catalog.inside("pg", text, limit=3)) == (
        [],
        [],
        [],
    )


# ── What is told of a closed table ──────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("rows", "size", "told"),
    [(7, 123, (10, 120)), (42, 8, (40, 10)), (None, 123_457, (None, 120_000)), (288_046, None, (290_000, None))],
)
def test_of_a_closed_table_only_the_order_of_its_size_is_told(
    database: services.Database, rows: int | None, size: int | None, told: tuple[int | None, int | None]
) -> None:
    known = Policy(grants=(Grant(name="known", groups=("*",), actions=("discover",), on=("pg",)),))
    table = Dataset(
        "s", "t", (Column("a", pa.int64()),), row_estimate=rows, size_bytes=size, rows_exact=True, newest="x"
    )
    with database.engine("gateway").begin() as conn:
        store.put(conn, "pg", [table], NOW)
        catalog = Catalog(conn, known, ANN)
        (each,) = catalog.tables(Wanted()).tables
        described = catalog.table(TableName("pg", "s", "t")).dataset

    assert (each.rows, each.size_bytes, each.rows_exact, each.newest) == (*told, False, "")
    assert (described.row_estimate, described.size_bytes, described.rows_exact, described.newest) == (*told, False, "")


# ── By a column ─────────────────────────────────────────────────────────────────────────────────────
HIDDEN_COLUMN = Policy(
    grants=(Grant(name="all", groups=("analysts",), on=("lake",)),),
    denials=(
        Denial(name="hidden", on=("lake.wmf.*.secret_id",), actions=("discover",), because="hides it", ask="x"),
        Denial(name="locked", on=("lake.wmf.*.city",), because="locks it", ask="x"),
    ),
)


@pytest.fixture
def with_columns(database: services.Database) -> Iterator[Connection]:
    with database.engine("gateway").begin() as conn:
        columns = tuple(Column(name, pa.int64()) for name in ("Page_ID", "city", "secret_id"))
        tables = [Dataset("wmf", "views", columns), Dataset("wmf", "other", columns[2:] + columns[:1])]
        store.put(conn, "lake", [*tables, Dataset("wmf", "plain", (Column("a", pa.int64()),))], NOW)
        yield conn


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("page_id", {"other": ("page_id",), "views": ("page_id",)}),
        ("PAGE", {"other": ("page_id",), "views": ("page_id",)}),
        ("city", {"views": ("city",)}),
        ("views id", {"views": ("page_id",)}),
        ("city page", {"views": ("page_id", "city")}),
        ("plain", {"plain": ()}),
        ("secret", {}),
        ("d secret_id", {}),
        ("page_id city", {"views": ("page_id", "city")}),
        ("id city", {"views": ("page_id", "city")}),  # two names together are no word
    ],
)
def test_a_table_is_found_by_a_column_one_may_know_of(
    with_columns: Connection, text: str, found: dict[str, tuple[str, ...]]
) -> None:
    catalog = Catalog(with_columns, HIDDEN_COLUMN, ANN)
    listing = catalog.tables(Wanted(text=text, columns=True)).tables

    assert {each.name.table: each.matched for each in listing} == found
    assert catalog.count(Wanted(text=text, columns=True)).visible == len(found)


def test_schemas_go_on_behind_the_last_one(catalog: Catalog) -> None:
    assert catalog.schemas("pg", after="a.b", limit=2) == ["S", "s"]
    assert catalog.schemas("pg", after="Straße", limit=2) == []


def test_a_source_is_as_fresh_as_the_tables_whose_partitions_one_may_know_of(database: services.Database) -> None:
    def table(name: str, newest: str, partition: str) -> Dataset:
        columns = (Column("a", pa.int64()), Column(partition, pa.string(), partition=True))
        return Dataset("wmf", name, columns, newest=newest)

    with database.engine("gateway").begin() as conn:
        made = [table("open", "2026-11-20 05:00", "day"), table("older", "2026-11-19", "day")]
        hidden = [table("by_city", "2026-11-22", "city"), table("locked", "2026-12-01", "day")]
        store.put(conn, "lake", [*made, *hidden, table("words", "Zagreb", "day")], NOW)
        locked = Denial(name="t", on=("lake.wmf.locked",), because="locks it", ask="x")
        policy = Policy(grants=HIDDEN_COLUMN.grants, denials=(*HIDDEN_COLUMN.denials, locked))

        assert Catalog(conn, policy, ANN).newest("lake") == "2026-11-20 05:00"
        assert Catalog(conn, policy, ANN).newest("pg") == ""


def test_a_table_is_as_fresh_as_a_column_only_to_those_who_may_read_it(database: services.Database) -> None:
    columns = (Column("At", pa.timestamp("us")), Column("Closed", pa.timestamp("us")))
    tables = [
        Dataset("w", "known", columns, newest="2026-11-21 10:00", newest_of="At"),
        Dataset("w", "locked", columns, newest="2026-11-30", newest_of="Closed"),
        Dataset("w", "gone", columns, newest="2026-11-29", newest_of="not there"),
    ]
    policy = Policy(
        grants=(Grant(name="all", groups=("analysts",), on=("pg",)),),
        denials=(Denial(name="locked", on=("pg.w.*.closed",), because="locks it", ask="x"),),
    )
    with database.engine("gateway").begin() as conn:
        store.put(conn, "pg", tables, NOW)
        catalog = Catalog(conn, policy, ANN)

        listed = {each.name.table: each.newest for each in catalog.tables(Wanted(source="pg")).tables}
        assert listed == {"gone": "", "known": "2026-11-21 10:00", "locked": ""}
        assert catalog.newest("pg") == "2026-11-21 10:00"
