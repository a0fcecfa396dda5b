"""Statements in the dialects of Hive and Spark, by way of the gateway, on both: right answers, rights, and two walls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from operator import is_
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import services
from conformance.dialects_thrift import (
    ATTACKS,
    FILES,
    LOCKED,
    MADE,
    MAKE,
    MEANINGS,
    MISREAD,
    OWN_ATTACKS,
    SPARK_MISREADS,
    SPARKS_MEANINGS,
    TABLE,
    TEMPORARY,
)
from conformance.subjects_hive import Hive, Thrift
from conformance.subjects_spark import Spark
from integration.gateway.gateways import Gateway, Person, running
from sign_in import run
from swap.client.params import encode
from swap.connectors import registry
from swap.connectors.hive import connector, native
from swap.connectors.hive.wire import Server
from swap.db.embedded import EmbeddedPostgres
from swap.errors import QueryRefused
from swap.query.language import dialects
from swap.query.planning import native as planning
from swap.settings import Denial, Grant, HiveSource, Policy

pytestmark = pytest.mark.sources(lambda kind: issubclass(kind, Thrift))
HIVE, SPARK = (pytest.mark.sources(partial(is_, kind)) for kind in (Hive, Spark))

POLICY = Policy(
    grants=(Grant(name="all", groups=("analysts",), on=("lake",)),),
    denials=(
        Denial(name="addresses", on=("lake.db.views.ip", "lake.db.days.year"), because="locks these", ask="privacy"),
        Denial(name="secrets", on=("lake.db.secret",), because="keeps these to privacy", ask="privacy"),
    ),
)
DISAGREES = "lake would read something else than SWAP found in the statement."
MISTAKEN = "lake does not understand the statement."


@pytest.fixture(scope="module")
def place(subject: Thrift) -> Path:
    """Make a database of the source's, `db`, and return where its files are."""
    made = subject.root / "db"
    made.mkdir()
    with subject.session() as session:
        run(session, "CREATE DATABASE db")
        for name, (rows, columns) in FILES.items():
            (made / name).mkdir()
            pq.write_table(rows, made / name / "part-0.parquet")
            run(session, f"{MAKE[subject.kind].format(name, columns)} LOCATION '{made / name}'")
        run(
            session,
            "CREATE VIEW db.seen AS SELECT id, pw FROM db.secret",
            "CREATE VIEW db.nested AS SELECT id, pw FROM db.seen WHERE id > 0",
            *MADE[subject.kind],
        )
    return made


@pytest.fixture(scope="module")
def real(
    subject: Thrift, place: Path, embedded_postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    del place
    database = services.fresh_database(embedded_postgres)
    source = HiveSource.model_validate(
        {
            "kind": "hive",
            "product": subject.kind,
            "servers": (f"127.0.0.1:{subject.server.port}",),
            "user": "swap",
            "tls": "disable",
        }
    )
    sources = {"lake": registry.create("lake", source)}
    with running(database, tmp_path_factory.mktemp("lake"), sources, POLICY, seconds=120) as gateway:
        yield gateway
    database.close()


@pytest.fixture(scope="module")
def ann(real: Gateway) -> Person:
    return real.person("ann", "analysts")


@pytest.fixture
def link(subject: Thrift, place: Path) -> Iterator[Server]:
    del place
    with subject.link(pinned(subject)) as made:
        yield made


def pinned(subject: Thrift) -> dict[str, str]:
    """Return the settings that every session of ours begins with."""
    return {f"set:hiveconf:{key}": value for key, value in connector._PINNED[subject.kind].items()}


def demand_meaning(ann: Person, dialect: str, statement: str, rows: list[Any]) -> None:
    params = {"ids": [1, 2, 3], "no": "A b"} if ":ids" in statement else {}

    assert ann.rows(statement, dialect=dialect, params=params) == rows


@pytest.mark.parametrize(("statement", "rows"), MEANINGS)
def test_a_statement_means_what_it_means_there(subject: Thrift, ann: Person, statement: str, rows: list[Any]) -> None:
    demand_meaning(ann, subject.kind, statement, rows)


@SPARK
@pytest.mark.parametrize(("statement", "rows"), SPARKS_MEANINGS)
def test_what_only_spark_has_means_what_it_means_there(ann: Person, statement: str, rows: list[Any]) -> None:
    demand_meaning(ann, "spark", statement, rows)


def test_texts_are_texts(subject: Thrift, ann: Person) -> None:
    # Spark tells its plan in lines.
    odd = {"hive": "\\' ${hiveconf:x} \"ä\n%_", "spark": "\\' ${hiveconf:x} \"ä%_"}[subject.kind]
    literal = "SELECT 'it\\'s ${env:HOME}' AS t, :v AS v, \"a\" AS w FROM lake.db.views WHERE id = 1"

    assert ann.rows(literal, dialect=subject.kind, params={"v": odd}) == [("it's ${env:HOME}", odd, "a")]


@SPARK
def test_a_moment_and_a_time_without_a_zone_are_two_types(ann: Person) -> None:
    table = ann.sql(
        "SELECT at, CAST(at AS TIMESTAMP_NTZ) AS plain, :moment AS moment, :day AS day FROM lake.db.views WHERE id = 1",
        dialect="spark",
        params=encode({"moment": datetime(2026, 1, 1, tzinfo=UTC), "day": datetime(2026, 1, 1)}),  # noqa: DTZ001 — without
    )

    types = [table.schema.field(name).type for name in ("at", "plain", "moment", "day")]
    assert types == [pa.timestamp("us", "UTC"), pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.timestamp("us")]
    assert table["at"].to_pylist() == [datetime(2026, 3, 29, 1, 30, 0, 123456, UTC)]
    assert str(table["plain"].to_pylist()[0]) == "2026-03-29 01:30:00.123456"


def test_a_star_opens_to_what_the_person_may_read(subject: Thrift, ann: Person) -> None:
    table = ann.sql("SELECT * FROM lake.db.views WHERE id = 3", dialect=subject.kind)

    assert table.column_names == ["id", "title", "hits", "price", "at"]
    assert table.schema.field("price").type == pa.decimal128(9, 2)


@HIVE
def test_columns_are_called_as_they_are_written(ann: Person) -> None:
    statement = "SELECT v.id, v.title AS `a.b`, v.hits AS `v.hits`, v.`price` AS `.`, u.id FROM lake.db.views v, lake.db.views u"

    assert ann.sql(statement, dialect="hive").column_names == ["id", "a.b", "v.hits", ".", "id_1"]


@pytest.mark.parametrize("statement", LOCKED)
def test_what_is_locked_is_refused_and_recorded(subject: Thrift, real: Gateway, ann: Person, statement: str) -> None:
    refused = ann.refused(statement, dialect=subject.kind)

    assert refused["category"] == "forbidden"
    detail = real.audit("query-refused")[-1].detail
    assert (detail["dialect"], detail["rule"]) == (subject.kind, refused["rule"])


def test_a_table_divided_by_what_is_locked_is_refused(subject: Thrift, ann: Person) -> None:
    refused = ann.refused("SELECT id FROM lake.db.days", dialect=subject.kind)

    assert refused["title"] == "lake.db.days is divided by a column that you may not read."


def demand_refused_unasked(real: Gateway, ann: Person, dialect: str, statement: str) -> None:
    refused = ann.refused(statement, dialect=dialect)

    assert refused["category"] in {"refused", "unknown-name", "forbidden"}
    detail = real.audit()[-1].detail
    assert (detail["dialect"], detail["statement"]) == (dialect, statement)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_before_anything_is_asked(subject: Thrift, real: Gateway, ann: Person, name: str) -> None:
    demand_refused_unasked(real, ann, subject.kind, ATTACKS[name])


@HIVE
@pytest.mark.parametrize("name", OWN_ATTACKS["hive"])
def test_an_attack_on_hive_is_refused_before_anything_is_asked(real: Gateway, ann: Person, name: str) -> None:
    demand_refused_unasked(real, ann, "hive", OWN_ATTACKS["hive"][name])


@SPARK
@pytest.mark.parametrize("name", OWN_ATTACKS["spark"])
def test_an_attack_on_spark_is_refused_before_anything_is_asked(real: Gateway, ann: Person, name: str) -> None:
    demand_refused_unasked(real, ann, "spark", OWN_ATTACKS["spark"][name])


# ── The second wall, with the first one off: texts as they would be sent if we had been mistaken ────────────────────
def answer(server: Server, statement: str) -> str:
    operation = server.session.execute(statement, 120)
    server.session.finish(operation)
    return repr([column.values.texts() for piece in server.session.rows(operation, 100) for column in piece[:1]])


def demand_refused_alone(link: Server, statement: str) -> None:
    with pytest.raises(QueryRefused, match="would read something else"):
        native.demand(link, "lake", statement, {("db", "views")})

    # Without it, the store itself keeps nothing back.
    assert "hunter2" in answer(link, statement)


@pytest.mark.parametrize("name", MISREAD)
def test_what_is_read_beyond_the_plan_is_refused_and_would_have_told(link: Server, name: str) -> None:
    demand_refused_alone(link, MISREAD[name])


@SPARK
@pytest.mark.parametrize("name", SPARK_MISREADS)
def test_what_spark_reads_beyond_the_plan_is_refused_and_would_have_told(link: Server, name: str) -> None:
    if "global_temp" in SPARK_MISREADS[name]:
        run(link.session, TEMPORARY)

    demand_refused_alone(link, SPARK_MISREADS[name])


@SPARK
def test_a_path_is_no_table_in_our_sessions_and_would_be_one(
    monkeypatch: pytest.MonkeyPatch, subject: Thrift, place: Path
) -> None:
    statement = f"SELECT pw FROM parquet.`{place}/secret`"
    with subject.link(pinned(subject)) as ours, pytest.raises(QueryRefused, match=MISTAKEN):
        native.demand(ours, "lake", statement, {("db", "views")})

    monkeypatch.setitem(connector._PINNED, "spark", connector._PINNED["spark"] | {"spark.sql.runSQLOnFiles": "true"})
    with subject.link(pinned(subject)) as loose:
        demand_refused_alone(loose, statement)


@SPARK
def test_an_answer_that_is_cut_short_is_refused(link: Server) -> None:
    statement = f"SELECT s.pw FROM {TABLE} CROSS JOIN db.secret s"
    for length in (100, 600, 900, 1400):
        run(link.session, f"SET spark.sql.maxPlanStringLength={length}")

        with pytest.raises(QueryRefused):
            native.demand(link, "lake", statement, {("db", "views")})


def test_a_mistake_of_the_planners_is_refused_by_the_server(
    monkeypatch: pytest.MonkeyPatch, subject: Thrift, real: Gateway, ann: Person
) -> None:
    monkeypatch.setattr(
        planning, "_sub_query", lambda _language, _reference, name: f"(SELECT pw AS title FROM db.secret AS `{name}`)"
    )

    error = ann.fails("SELECT title FROM lake.db.views", dialect=subject.kind)

    assert error["title"] == DISAGREES
    refused, ended = real.audit()[-2:]
    assert (refused.event, ended.event, ended.detail["rows"]) == ("query-refused", "query-ended", 0)


def test_a_view_is_read_without_a_right_to_what_is_behind_it(subject: Thrift, ann: Person) -> None:
    statement = "SELECT v.id, s.pw FROM lake.db.views v JOIN lake.db.nested s ON s.id = v.id"

    assert ann.rows(statement, dialect=subject.kind) == [(1, "hunter2")]


def test_beside_a_view_only_what_is_behind_it_may_be_read(link: Server) -> None:
    seen = "(SELECT `id` FROM `db`.`nested` AS `swap_q1_t_0`) AS `s`"

    native.demand(link, "lake", f"SELECT s.id FROM {seen}", {("db", "nested")})
    with pytest.raises(QueryRefused, match="would read something else"):
        native.demand(link, "lake", f"SELECT v.id FROM {seen} JOIN db.views v ON v.id = s.id", {("db", "nested")})


@HIVE
def test_a_view_of_which_hive_cannot_tell_what_it_reads_is_refused(link: Server) -> None:
    run(link.session, "CREATE TABLE db.behind (id INT)", "CREATE VIEW db.broken AS SELECT id FROM db.behind")
    statement = "SELECT `id` FROM (SELECT `id` FROM `db`.`broken` AS `swap_q1_t_0`) AS `s`"
    native.demand(link, "lake", statement, {("db", "broken")})
    run(link.session, "DROP TABLE db.behind")

    with pytest.raises(QueryRefused, match=MISTAKEN):
        native.demand(link, "lake", statement, {("db", "broken")})


def test_a_servers_mistakes_are_told_without_its_words(subject: Thrift, ann: Person) -> None:
    error = ann.fails("SELECT id + named_struct('secret', 1) AS x FROM lake.db.views", dialect=subject.kind)

    assert error["title"] == MISTAKEN
    assert "secret" not in str(error)
    assert subject.kind == "hive" or "DATATYPE_MISMATCH" in error["why"], "Spark's names of mistakes hold nothing else"


@pytest.mark.parametrize(
    ("statement", "function"),
    [
        ("SELECT java_method('java.lang.System', 'getProperty', 'user.name') AS x FROM lake.db.views", "java_method"),
        ("SELECT reflect('java.lang.System', 'getenv', 'PATH') AS x FROM lake.db.views", "reflect"),
    ],
)
def test_without_the_list_of_functions_java_would_be_called(
    monkeypatch: pytest.MonkeyPatch, subject: Thrift, ann: Person, statement: str, function: str
) -> None:
    assert ann.refused(statement, dialect=subject.kind)["category"] == "refused"
    known = dialects.LANGUAGES[subject.kind]
    wide = replace(known, allowed=replace(known.allowed, functions=known.allowed.functions | {function}))
    monkeypatch.setitem(dialects.LANGUAGES, subject.kind, wide)

    ((first,), *_) = ann.rows(statement, dialect=subject.kind)

    assert first


def test_a_locked_column_is_not_there_even_where_rights_are_not_asked(
    monkeypatch: pytest.MonkeyPatch, subject: Thrift, ann: Person
) -> None:
    monkeypatch.setattr("swap.query.rights.decide", lambda *_: None)

    error = ann.fails("SELECT ip FROM lake.db.views", dialect=subject.kind)

    assert error["title"] == MISTAKEN


def fails_of_what_is_not_listed(monkeypatch: pytest.MonkeyPatch, dialect: str, ann: Person, named: str) -> str:
    known = dialects.LANGUAGES[dialect]
    monkeypatch.setitem(dialects.LANGUAGES, dialect, replace(known, hidden=frozenset()))

    error = ann.fails(f"SELECT {named} FROM lake.db.views v CROSS JOIN (SELECT 1 + 1) x", dialect=dialect)
    return str(error["title"])


@HIVE
@pytest.mark.parametrize("name", ["INPUT__FILE__NAME", "RAW__DATA__SIZE", "ROW__ID", "FILE__PATH", "ip"])
def test_what_no_catalog_lists_is_not_in_sight_either(monkeypatch: pytest.MonkeyPatch, ann: Person, name: str) -> None:
    assert fails_of_what_is_not_listed(monkeypatch, "hive", ann, f"x.{name}") == MISTAKEN


@SPARK
@pytest.mark.parametrize(
    ("named", "title"),
    # Spark passes the second on through a sub-query of other columns; its plan tells.
    [("x.ip", MISTAKEN), ("_METADATA", DISAGREES)],
)
def test_what_no_catalog_lists_is_not_sent_either(
    monkeypatch: pytest.MonkeyPatch, ann: Person, named: str, title: str
) -> None:
    monkeypatch.setattr("swap.query.rights.decide", lambda *_: None)

    assert fails_of_what_is_not_listed(monkeypatch, "spark", ann, named) == title


@SPARK
def test_what_calls_itself_again_and_again_is_refused(ann: Person) -> None:
    statement = "WITH RECURSIVE r(n) AS (SELECT id FROM lake.db.views UNION ALL SELECT n + 1 FROM r) SELECT n FROM r"

    assert ann.fails(statement, dialect="spark")["title"] == DISAGREES


@SPARK
def test_each_function_on_the_list_is_sparks_own(link: Server) -> None:
    told = {name for piece in link.session.table("SHOW SYSTEM FUNCTIONS", 60) for name in piece[0]}

    assert dialects.LANGUAGES["spark"].allowed.functions <= told
