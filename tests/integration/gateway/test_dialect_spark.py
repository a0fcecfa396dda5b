"""Statements in Spark's own dialect, by way of the gateway, on Apache Spark: right answers, rights, and two walls."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import services
from integration.gateway.gateways import Gateway, Person, running
from swap.client.params import encode
from swap.connectors import registry
from swap.connectors.hive import connector, native
from swap.connectors.hive.wire import Server
from swap.errors import QueryRefused
from swap.query.language import dialects
from swap.query.planning import native as planning
from swap.settings import Denial, Grant, HiveSource, Policy

POLICY = Policy(
    grants=(Grant(name="all", groups=("analysts",), on=("lake",)),),
    denials=(
        Denial(name="addresses", on=("lake.db.views.ip", "lake.db.days.year"), because="locks these", ask="privacy"),
        Denial(name="secrets", on=("lake.db.secret",), because="keeps these to privacy", ask="privacy"),
    ),
)
VIEWS = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int32()),
        "title": ["A b", "c", "D"],
        "ip": ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
        "hits": pa.array([7, 5, 5], pa.int64()),
        "price": pa.array([Decimal("1.25"), None, Decimal("-3.50")], pa.decimal128(9, 2)),
        "at": pa.array([datetime(2026, 3, 29, 1, 30, 0, 123456, UTC)] * 3, pa.timestamp("us", "UTC")),
    }
)
SECRET = pa.table({"id": pa.array([1], pa.int32()), "pw": ["hunter2"]})
DISAGREES = "lake would read something else than SWAP found in the statement."
TEMPORARY = "CREATE GLOBAL TEMPORARY VIEW passed AS SELECT pw FROM db.secret"
"""A view of the whole server's, in the database `global_temp`; it goes with the session that made it."""


@contextlib.contextmanager
def session(spark: services.RunningSpark) -> Iterator[Server]:
    ours, theirs = socket.socketpair()
    pinned = {f"set:hiveconf:{key}": value for key, value in connector._PINNED["spark"].items()}
    address = {
        "servers": [["127.0.0.1", spark.port]], "user": "owner", "password": "x", "tls": False, "spark": True, "ca": "",
        "connect_seconds": 20.0, "configuration": pinned,
    }  # fmt: skip
    with ours, theirs:
        made = Server("lake", address, ours.fileno())
        try:
            made.connect(time.monotonic() + 120)
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def place() -> Path:
    return services.temporary_directory()


@pytest.fixture(scope="module")
def spark(place: Path) -> Iterator[services.RunningSpark]:
    made = services.RunningSpark()
    with session(made) as server:
        for name, rows, columns in (
            ("views", VIEWS, "id INT, title STRING, ip STRING, hits BIGINT, price DECIMAL(9,2), at TIMESTAMP"),
            ("secret", SECRET, "id INT, pw STRING"),
        ):
            (place / name).mkdir()
            pq.write_table(rows, place / name / "part-0.parquet")
            run(server, "CREATE DATABASE IF NOT EXISTS db")
            run(server, f"CREATE TABLE db.{name} ({columns}) USING parquet LOCATION '{place / name}'")
        run(
            server,
            "CREATE VIEW db.seen AS SELECT id, pw FROM db.secret",
            "CREATE VIEW db.nested AS SELECT id, pw FROM db.seen WHERE id > 0",
            "CREATE TABLE db.days (id INT, year INT) USING parquet PARTITIONED BY (year)",
            "CREATE TABLE db.old STORED AS PARQUET AS SELECT 1 AS id",
            "CREATE FUNCTION db.told(x INT) RETURNS STRING RETURN (SELECT max(pw) FROM db.secret)",
        )
    yield made
    made.close()


def run(server: Server, *statements: str) -> None:
    for statement in statements:
        server.session.run(statement, 120)


@pytest.fixture(scope="module")
def real(
    spark: services.RunningSpark, module_database: services.Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    source = HiveSource(kind="hive", product="spark", servers=(f"127.0.0.1:{spark.port}",), user="swap", tls="disable")
    sources = {"lake": registry.create("lake", source)}
    with running(module_database, tmp_path_factory.mktemp("spark"), sources, POLICY, seconds=120) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def ann(real: Gateway) -> Person:
    return real.person("ann", "analysts")


@pytest.fixture
def link(spark: services.RunningSpark) -> Iterator[Server]:
    with session(spark) as made:
        yield made


def ask(person: Person, statement: str, **more: Any) -> list[tuple[Any, ...]]:
    return person.rows(statement, dialect="spark", **more)


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT 7 DIV 2 AS a, 7 / 2 AS b, hits DIV 2 AS c, 'a' || 'b' AS d FROM lake.db.views WHERE id = 1",
         [(3, 3.5, 3, "ab")]),
        ("SELECT hits, COUNT(*) AS n, SUM(price) AS s FROM lake.db.views GROUP BY hits ORDER BY hits",
         [(5, 2, Decimal("-3.50")), (7, 1, Decimal("1.25"))]),
        ("SELECT v.id, w FROM lake.db.views v LATERAL VIEW explode(split(v.title, ' ')) e AS w ORDER BY id, w",
         [(1, "A"), (1, "b"), (2, "c"), (3, "D")]),
        ("SELECT id, RANK() OVER (ORDER BY hits DESC) AS r FROM lake.db.views ORDER BY id", [(1, 1), (2, 2), (3, 2)]),
        ("SELECT sort_array(collect_list(id)) AS ids FROM lake.db.views WHERE id < 3", [("[1,2]",)]),
        ("WITH v AS (SELECT id FROM lake.db.views) SELECT v.id FROM v JOIN lake.db.views u ON u.id = v.id + 1 ORDER BY id",
         [(1,), (2,)]),
        ("SELECT title FROM lake.db.views WHERE title RLIKE '^[a-z]$' -- a letter\n", [("c",)]),
        ("SELECT id FROM lake.db.views WHERE id IN (:ids) AND title <> :no ORDER BY id", [(2,), (3,)]),
        ("SELECT id FROM lake.db.views UNION SELECT id FROM lake.db.old ORDER BY id LIMIT 2 OFFSET 1", [(2,), (3,)]),
        ("SELECT id FROM lake.db.views v WHERE EXISTS (SELECT 1 FROM lake.db.old o WHERE o.id = v.id)", [(1,)]),
        ("SELECT * EXCEPT (hits, price, at) FROM lake.db.views WHERE id = 2", [(2, "c")]),
        ("SELECT DISTINCT hits FROM lake.db.views WHERE hits > (SELECT min(hits) FROM lake.db.views)", [(7,)]),
    ],
)  # fmt: skip
def test_spark_means_what_it_means_there(ann: Person, statement: str, rows: list[Any]) -> None:
    params = {"ids": [1, 2, 3], "no": "A b"} if ":ids" in statement else {}

    assert ask(ann, statement, params=params) == rows


def test_texts_are_texts(ann: Person) -> None:
    odd = "\\' ${hiveconf:x} \"ä%_"
    literal = "SELECT 'it\\'s ${env:HOME}' AS t, :v AS v, \"a\" AS w FROM lake.db.views WHERE id = 1"

    assert ask(ann, literal, params={"v": odd}) == [("it's ${env:HOME}", odd, "a")]


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


def test_a_star_opens_to_what_the_person_may_read(ann: Person) -> None:
    table = ann.sql("SELECT * FROM lake.db.views WHERE id = 3", dialect="spark")

    assert table.column_names == ["id", "title", "hits", "price", "at"]
    assert table.schema.field("price").type == pa.decimal128(9, 2)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT ip FROM lake.db.views",
        "SELECT v.id FROM lake.db.views v LATERAL VIEW explode(split(v.ip, '.')) e AS w",
        "SELECT id FROM lake.db.views ORDER BY ip",
        "SELECT pw FROM lake.db.secret",
    ],
)
def test_what_is_locked_is_refused_and_recorded(real: Gateway, ann: Person, statement: str) -> None:
    refused = ann.refused(statement, dialect="spark")

    assert refused["category"] == "forbidden"
    detail = real.audit("query-refused")[-1].detail
    assert (detail["dialect"], detail["rule"]) == ("spark", refused["rule"])


def test_a_table_divided_by_what_is_locked_is_refused(ann: Person) -> None:
    refused = ann.refused("SELECT id FROM lake.db.days", dialect="spark")

    assert refused["title"] == "lake.db.days is divided by a column that you may not read."


V = "FROM lake.db.views"
ATTACKS = {
    "B01": f"SELECT id {V}; SELECT pw FROM db.secret",
    "B05": "WITH secret AS (SELECT pw FROM secret) SELECT pw FROM secret",
    "B07": f"SELECT id {V} WHERE EXISTS (SELECT 1 FROM db.secret)",
    "B09": f"{V} INSERT OVERWRITE DIRECTORY '/tmp/swap-out' SELECT id",
    "B21": "DESCRIBE db.secret",
    "B21 query": "DESCRIBE QUERY SELECT pw FROM db.secret",
    "B21 show": "SHOW CREATE TABLE db.secret",
    "B21 explain": "EXPLAIN SELECT pw FROM db.secret",
    "B23": "USE db",
    "B31": f"SELECT TRANSFORM(id) USING 'cat' {V}",
    "B31 as": f"SELECT TRANSFORM(id) USING 'cat' AS (x STRING) {V}",
    "B31 map": f"{V} MAP id USING 'cat' AS x",
    "B31 reduce": f"{V} REDUCE id USING 'cat' AS x",
    "B33": "ADD JAR /tmp/x.jar",
    "B33 function": "CREATE TEMPORARY FUNCTION f AS 'org.example.F'",
    "B34": "SET spark.sql.runSQLOnFiles=true",
    "B34 variable": "SET VAR x = 1",
    "B34 declare": "DECLARE x INT DEFAULT 1",
    "B34 immediate": "EXECUTE IMMEDIATE 'SELECT pw FROM db.secret'",
    "B34 script": f"BEGIN SELECT id {V}; END",
    "a session's variable": f"SELECT session.x {V}",
    "B37": "SELECT pw FROM parquet.`/secret`",
    "B37 source": "SELECT * FROM lake.parquet.`/etc`",
    "B37 text": "SELECT value FROM text.`/etc/passwd`",
    "B37 read_files": "SELECT * FROM read_files('/etc/passwd')",
    "B37 csv": "SELECT * FROM csv.`file:///etc/passwd`",
    "B38": f"SELECT ${{spark:x}} {V}",
    "B38 name": f"SELECT id AS `${{env:HOME}}` {V}",
    "B39": f"SELECT input_file_name() {V}",
    "B39 hidden": f"SELECT _metadata.file_path {V}",
    "B39 hidden of a table": f"SELECT v._metadata.file_path {V} v",
    "identifier": "SELECT * FROM IDENTIFIER('db.secret')",
    "identifier of a parameter": f"SELECT IDENTIFIER('ip') {V}",
    "rows of numbers": "SELECT id FROM range(10)",
    "rows of numbers beside": f"SELECT v.id {V} v, range(10) r",
    "rows of values": f"SELECT v.id {V} v JOIN VALUES (1) AS w(x) ON w.x = v.id",
    "a table function": f"SELECT v.id {V} v, LATERAL explode(array(1)) AS e(x)",
    "sql keywords": "SELECT * FROM sql_keywords()",
    "a table as an argument": "SELECT * FROM f(TABLE(lake.db.secret))",
    "a function of a database": f"SELECT db.told(id) {V}",
    "a function of a database by its name": f"SELECT told(id) {V}",
    "a function of the session's": f"SELECT session.f(id) {V}",
    "a builtin function's full name": f"SELECT system.builtin.reflect('java.lang.System', 'getenv') {V}",
    "reflect": f"SELECT reflect('java.lang.System', 'getenv', 'PATH') {V}",
    "try_reflect": f"SELECT try_reflect('java.lang.System', 'getenv', 'PATH') {V}",
    "java_method": f"SELECT java_method('java.lang.System', 'getProperty', 'user.name') {V}",
    "keyword in other letters": f"\u017fELECT id {V}",
    "columns by a pattern": f"SELECT `(ip)?+.+` {V}",
    "a version": f"SELECT id {V} VERSION AS OF 1",
    "a time": f"SELECT id {V} TIMESTAMP AS OF '2020-01-01'",
    "a table of a table": "SELECT id FROM lake.db.`views.history`",
    "another catalog": "SELECT id FROM lake.spark_catalog.db.secret",
    "a temporary view": "SELECT pw FROM global_temp.passed",
    "a pipe": f"{V} |> SELECT ip",
    "a pipe behind": f"SELECT id {V} |> JOIN db.secret USING (id)",
    "distribute": f"SELECT id {V} DISTRIBUTE BY id",
    "cluster": f"SELECT id {V} CLUSTER BY id",
    "all memory": f"SELECT length(format_string('%2000000000d', 1)) {V}",
    "all memory at once": f"SELECT size(sequence(1, 2000000000)) {V}",
    "all memory again": f"SELECT array_repeat(id, 2000000000) {V}",
    "a table in a lateral view": (f"SELECT id {V} LATERAL VIEW explode(array((SELECT MAX(pw) FROM db.secret))) e AS w"),
    "window": f"SELECT id, ROW_NUMBER() OVER (PARTITION BY ip) {V}",
    "grouping sets": f"SELECT hits {V} GROUP BY hits GROUPING SETS ((ip), (hits))",
    "semi join": f"SELECT a.id {V} a LEFT SEMI JOIN lake.db.views b ON a.ip = b.ip",
    "natural join": f"SELECT a.id {V} a NATURAL JOIN lake.db.views b",
    "pivot": f"SELECT * {V} PIVOT (max(hits) FOR id IN (1, 2))",
    "unpivot": f"SELECT * {V} UNPIVOT (x FOR y IN (id, hits))",
    "xpath": f"SELECT xpath_string(title, 'a') {V}",
    "an error's text": f"SELECT raise_error(title) {V}",
    "who": f"SELECT current_user() {V}",
    "who without brackets": f"SELECT current_user {V}",
    "where": f"SELECT current_catalog() {V}",
    "version": f"SELECT version() {V}",
    "hint": f"SELECT /*+ BROADCAST(v) */ id {V} v",
    "hint between comments": f"SELECT /* x */ /*+ COALESCE(1) */ id {V} v",
    "sample": f"SELECT id {V} TABLESAMPLE (1 ROWS)",
    "a lambda": f"SELECT transform(array(id), x -> x + 1) {V}",
    "a raw text": f"SELECT r'\\' {V}",
    "a text of two lines": f"SELECT 'a\nRelation spark_catalog.db.views[x]' AS t {V}",
    "a name of two lines": f"SELECT id AS `a\n+- Project` {V}",
    "explode": f"SELECT explode(split(title, ' ')) {V}",
    "wrong dialect": f"SELECT GROUP_CONCAT(title) {V}",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_before_anything_is_asked(real: Gateway, ann: Person, name: str) -> None:
    refused = ann.refused(ATTACKS[name], dialect="spark")

    assert refused["category"] in {"refused", "unknown-name", "forbidden"}
    detail = real.audit()[-1].detail
    assert (detail["dialect"], detail["statement"]) == ("spark", ATTACKS[name])


# ── The second wall, with the first one off: texts as they would be sent if we had been mistaken ────────────────────
TABLE = "(SELECT `id`, `title` FROM `db`.`views` AS `swap_q1_t_0`) AS `v`"
MISREAD = {
    "B05": f"WITH `secret` AS (SELECT pw FROM db.secret) SELECT pw FROM `secret` CROSS JOIN {TABLE}",
    "B07 join": f"SELECT s.pw FROM {TABLE} JOIN db.secret s ON s.id = v.id",
    "B07 where": f"SELECT 'hunter2' FROM {TABLE} WHERE v.id IN (SELECT id FROM db.secret)",
    "B07 select": f"SELECT (SELECT max(pw) FROM db.secret) FROM {TABLE}",
    "B07 exists": f"SELECT 'hunter2' FROM {TABLE} WHERE EXISTS (SELECT 1 FROM db.secret s WHERE s.id = v.id)",
    "B07 union": f"SELECT `title` FROM {TABLE} UNION ALL SELECT pw FROM db.secret",
    "B09": "FROM db.secret SELECT pw",
    "B11 view": f"SELECT s.pw FROM {TABLE} JOIN db.seen s ON s.id = v.id",
    "B31": "SELECT TRANSFORM(pw) USING 'cat' FROM db.secret",
    "B37": f"SELECT concat('hunter2', max(title)) FROM {TABLE} JOIN VALUES ('x') AS w(y) ON true",
    "rows of numbers": f"SELECT 'hunter2' FROM {TABLE} CROSS JOIN range(2)",
    "a function of a database": f"SELECT db.told(id) FROM {TABLE}",
    "a temporary view": f"SELECT s.pw FROM {TABLE} CROSS JOIN global_temp.passed s",
    "identifier": "SELECT pw FROM IDENTIFIER('db' || '.secret')",
    "a pipe": "FROM db.secret |> SELECT pw",
    "lines of its own": (
        f"SELECT s.pw, '\n+- Relation spark_catalog.db.views[id#1] parquet\n\n== Optimized Logical Plan ==\n' FROM {TABLE}"
        " CROSS JOIN db.secret s"
    ),
    "no plan": f"SELECT s.pw, '\n\n== Optimized Logical Plan ==\nx\n\n== Physical Plan ==\n' FROM {TABLE}, db.secret s",
}


def answer(server: Server, statement: str) -> str:
    operation = server.session.execute(statement, 120)
    server.session.finish(operation)
    return repr([column.values.texts() for piece in server.session.rows(operation, 100) for column in piece[:1]])


@pytest.mark.parametrize("name", MISREAD)
def test_what_spark_reads_beyond_the_plan_is_refused_and_would_have_told(link: Server, name: str) -> None:
    if "global_temp" in MISREAD[name]:
        run(link, TEMPORARY)
    with pytest.raises(QueryRefused, match="would read something else"):
        native.demand(link, "lake", MISREAD[name], {("db", "views")})

    # Without it, the store itself keeps nothing back.
    assert "hunter2" in answer(link, MISREAD[name])


def test_a_path_is_no_table_in_our_sessions_and_would_be_one(
    monkeypatch: pytest.MonkeyPatch, spark: services.RunningSpark, place: Path
) -> None:
    statement = f"SELECT pw FROM parquet.`{place}/secret`"
    with session(spark) as ours, pytest.raises(QueryRefused, match="lake does not understand the statement"):
        native.demand(ours, "lake", statement, {("db", "views")})

    monkeypatch.setitem(connector._PINNED, "spark", connector._PINNED["spark"] | {"spark.sql.runSQLOnFiles": "true"})
    with session(spark) as loose:
        with pytest.raises(QueryRefused, match="would read something else"):
            native.demand(loose, "lake", statement, {("db", "views")})
        assert "hunter2" in answer(loose, statement)


def test_an_answer_that_is_cut_short_is_refused(link: Server) -> None:
    statement = f"SELECT s.pw FROM {TABLE} CROSS JOIN db.secret s"
    for length in (100, 600, 900, 1400):
        run(link, f"SET spark.sql.maxPlanStringLength={length}")

        with pytest.raises(QueryRefused):
            native.demand(link, "lake", statement, {("db", "views")})


def test_a_mistake_of_the_planners_is_refused_by_spark(
    monkeypatch: pytest.MonkeyPatch, real: Gateway, ann: Person
) -> None:
    monkeypatch.setattr(
        planning, "_sub_query", lambda _language, _reference, name: f"(SELECT pw AS title FROM db.secret AS `{name}`)"
    )

    error = ann.fails("SELECT title FROM lake.db.views", dialect="spark")

    assert error["title"] == DISAGREES
    refused, ended = real.audit()[-2:]
    assert (refused.event, ended.event, ended.detail["rows"]) == ("query-refused", "query-ended", 0)


def test_a_view_is_read_without_a_right_to_what_is_behind_it(ann: Person) -> None:
    statement = "SELECT v.id, s.pw FROM lake.db.views v JOIN lake.db.nested s ON s.id = v.id"

    assert ask(ann, statement) == [(1, "hunter2")]


def test_beside_a_view_spark_may_read_only_what_is_behind_it(link: Server) -> None:
    seen = "(SELECT `id` FROM `db`.`nested` AS `swap_q1_t_0`) AS `s`"

    native.demand(link, "lake", f"SELECT s.id FROM {seen}", {("db", "nested")})
    with pytest.raises(QueryRefused, match="would read something else"):
        native.demand(link, "lake", f"SELECT v.id FROM {seen} JOIN db.views v ON v.id = s.id", {("db", "nested")})


def test_sparks_mistakes_are_told_without_its_words(ann: Person) -> None:
    error = ann.fails("SELECT id + named_struct('secret', 1) AS x FROM lake.db.views", dialect="spark")

    assert error["title"] == "lake does not understand the statement."
    assert "DATATYPE_MISMATCH" in error["why"]
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("statement", "function"),
    [
        ("SELECT java_method('java.lang.System', 'getProperty', 'user.name') AS x FROM lake.db.views", "java_method"),
        ("SELECT reflect('java.lang.System', 'getenv', 'PATH') AS x FROM lake.db.views", "reflect"),
    ],
)
def test_without_the_list_of_functions_spark_would_call_java(
    monkeypatch: pytest.MonkeyPatch, ann: Person, statement: str, function: str
) -> None:
    assert ann.refused(statement, dialect="spark")["category"] == "refused"
    known = dialects.LANGUAGES["spark"]
    wide = replace(known, allowed=replace(known.allowed, functions=known.allowed.functions | {function}))
    monkeypatch.setitem(dialects.LANGUAGES, "spark", wide)

    ((first,), *_) = ask(ann, statement)

    assert first


def test_a_locked_column_is_not_there_even_where_rights_are_not_asked(
    monkeypatch: pytest.MonkeyPatch, ann: Person
) -> None:
    monkeypatch.setattr("swap.query.rights.decide", lambda *_: None)

    error = ann.fails("SELECT ip FROM lake.db.views", dialect="spark")

    assert error["title"] == "lake does not understand the statement."


@pytest.mark.parametrize(
    ("statement", "title"),
    [
        ("SELECT x.ip FROM lake.db.views v CROSS JOIN (SELECT 1 + 1) x", "lake does not understand the statement."),
        # Spark passes it on through a sub-query of other columns; its plan tells.
        ("SELECT _METADATA FROM lake.db.views v CROSS JOIN (SELECT 1 + 1) x", DISAGREES),
    ],
)
def test_what_no_catalog_lists_is_not_sent_either(
    monkeypatch: pytest.MonkeyPatch, ann: Person, statement: str, title: str
) -> None:
    known = dialects.LANGUAGES["spark"]
    monkeypatch.setitem(dialects.LANGUAGES, "spark", replace(known, hidden=frozenset()))

    monkeypatch.setattr("swap.query.rights.decide", lambda *_: None)

    assert ann.fails(statement, dialect="spark")["title"] == title


def test_what_calls_itself_again_and_again_is_refused(ann: Person) -> None:
    statement = "WITH RECURSIVE r(n) AS (SELECT id FROM lake.db.views UNION ALL SELECT n + 1 FROM r) SELECT n FROM r"

    assert ann.fails(statement, dialect="spark")["title"] == DISAGREES


def test_each_function_on_the_list_is_sparks_own(link: Server) -> None:
    told = {name for piece in link.session.table("SHOW SYSTEM FUNCTIONS", 60) for name in piece[0]}

    assert dialects.LANGUAGES["spark"].allowed.functions <= told
