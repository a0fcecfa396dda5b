"""Statements in Hive's own dialect, by way of the gateway, on Apache Hive: right answers, rights, and two walls."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import services
from integration.gateway.gateways import Gateway, Person, running
from swap.connectors import registry
from swap.connectors.hive import native
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
    }
)
SECRET = pa.table({"id": pa.array([1], pa.int32()), "pw": ["hunter2"]})


def server_of(hive: services.RunningHive, control: int) -> Server:
    address = {
        "servers": [["127.0.0.1", hive.port]], "user": "owner", "password": "x", "tls": False, "spark": False, "ca": "",
        "connect_seconds": 5.0, "configuration": {},
    }  # fmt: skip
    made = Server("lake", address, control)
    made.connect(time.monotonic() + 120)
    return made


def run(server: Server, *statements: str) -> None:
    for statement in statements:
        server.session.run(statement, 120)


@pytest.fixture(scope="module")
def hive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.RunningHive]:
    made = services.RunningHive()
    root = services.temporary_directory()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server = server_of(made, ours.fileno())
        run(server, "CREATE DATABASE db")
        for name, rows, columns in (
            ("views", VIEWS, "id INT, title STRING, ip STRING, hits BIGINT, price DECIMAL(9,2)"),
            ("secret", SECRET, "id INT, pw STRING"),
        ):
            publish(server, root, name, rows, columns)
        run(
            server,
            "CREATE VIEW db.seen AS SELECT id, pw FROM db.secret",
            "CREATE VIEW db.nested AS SELECT id, pw FROM db.seen WHERE id > 0",
            f"CREATE EXTERNAL TABLE db.days (id INT) PARTITIONED BY (year INT) STORED AS PARQUET LOCATION '{root}/days'",
        )
        server.close()
    yield made
    made.close()


def publish(server: Server, root: Path, name: str, rows: pa.Table, columns: str) -> None:
    (root / name).mkdir()
    pq.write_table(rows, root / name / "part-0.parquet")
    run(server, f"CREATE EXTERNAL TABLE db.{name} ({columns}) STORED AS PARQUET LOCATION '{root / name}'")


@pytest.fixture(scope="module")
def real(
    hive: services.RunningHive, module_database: services.Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    source = HiveSource(kind="hive", servers=(f"127.0.0.1:{hive.port}",), user="swap", tls="disable")
    sources = {"lake": registry.create("lake", source)}
    with running(module_database, tmp_path_factory.mktemp("hive"), sources, POLICY, seconds=120) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def ann(real: Gateway) -> Person:
    return real.person("ann", "analysts")


@pytest.fixture
def link(hive: services.RunningHive) -> Iterator[Server]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        made = server_of(hive, ours.fileno())
        yield made
        made.close()


def ask(person: Person, statement: str, **more: Any) -> list[tuple[Any, ...]]:
    return person.rows(statement, dialect="hive", **more)


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
        ("SELECT collect_list(id) AS ids FROM lake.db.views WHERE id < 3", [("[1,2]",)]),
        ("WITH v AS (SELECT id FROM lake.db.views) SELECT v.id FROM v JOIN lake.db.views u ON u.id = v.id + 1 ORDER BY id",
         [(1,), (2,)]),
        ("SELECT title FROM lake.db.views WHERE title RLIKE '^[a-z]$' -- a letter\n", [("c",)]),
        ("SELECT id FROM lake.db.views WHERE id IN (:ids) AND title <> :no ORDER BY id", [(2,), (3,)]),
    ],
)  # fmt: skip
def test_hive_means_what_it_means_there(ann: Person, statement: str, rows: list[Any]) -> None:
    params = {"ids": [1, 2, 3], "no": "A b"} if ":ids" in statement else {}

    assert ask(ann, statement, params=params) == rows


def test_texts_are_texts(ann: Person) -> None:
    odd = "\\' ${hiveconf:x} \"ä\n%_"
    literal = "SELECT 'it\\'s ${env:HOME}' AS t, :v AS v FROM lake.db.views WHERE id = 1"

    assert ask(ann, literal, params={"v": odd}) == [("it's ${env:HOME}", odd)]


def test_a_star_opens_to_what_the_person_may_read(ann: Person) -> None:
    table = ann.sql("SELECT * FROM lake.db.views WHERE id = 3", dialect="hive")

    assert table.column_names == ["id", "title", "hits", "price"]
    assert table.schema.field("price").type == pa.decimal128(9, 2)


def test_columns_are_called_as_they_are_written(ann: Person) -> None:
    statement = "SELECT v.id, v.title AS `a.b`, v.hits AS `v.hits`, v.`price` AS `.`, u.id FROM lake.db.views v, lake.db.views u"

    assert ann.sql(statement, dialect="hive").column_names == ["id", "a.b", "v.hits", ".", "id_1"]


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
    refused = ann.refused(statement, dialect="hive")

    assert refused["category"] == "forbidden"
    detail = real.audit("query-refused")[-1].detail
    assert (detail["dialect"], detail["rule"]) == ("hive", refused["rule"])


def test_a_table_divided_by_what_is_locked_is_refused(ann: Person) -> None:
    refused = ann.refused("SELECT id FROM lake.db.days", dialect="hive")

    assert refused["title"] == "lake.db.days is divided by a column that you may not read."


ATTACKS = {
    "B01": "SELECT id FROM lake.db.views; SELECT pw FROM db.secret",
    "B05": "WITH secret AS (SELECT pw FROM secret) SELECT pw FROM secret",
    "B07": "SELECT id FROM lake.db.views WHERE EXISTS (SELECT 1 FROM db.secret)",
    "B09": "FROM lake.db.views INSERT OVERWRITE DIRECTORY '/tmp/swap-out' SELECT id",
    "B21": "DESCRIBE db.secret",
    "B21 show": "SHOW CREATE TABLE db.secret",
    "B21 explain": "EXPLAIN SELECT pw FROM db.secret",
    "B23": "USE db",
    "B31": "SELECT TRANSFORM(id) USING 'cat' FROM lake.db.views",
    "B31 as": "SELECT TRANSFORM(id) USING 'cat' AS (x STRING) FROM lake.db.views",
    "B31 map": "FROM lake.db.views MAP id USING 'cat' AS x",
    "B31 reduce": "FROM lake.db.views REDUCE id USING 'cat' AS x",
    "B33": "ADD JAR /tmp/x.jar",
    "B33 function": "CREATE TEMPORARY FUNCTION f AS 'org.example.F'",
    "B34": "SET hive.security.authorization.enabled=false",
    "B35": "dfs -cat /etc/passwd",
    "B35 shell": "!sh id",
    "B35 source": "source /tmp/x.sql",
    "B38": "SELECT ${hiveconf:x} FROM lake.db.views",
    "B38 env": "SELECT ${env:HOME} FROM lake.db.views",
    "B38 name": "SELECT id AS `${env:HOME}` FROM lake.db.views",
    "B39": "SELECT INPUT__FILE__NAME FROM lake.db.views",
    "B39 open": "SELECT INPUT__FILE__NAME FROM lake.db.views LATERAL VIEW explode(split(title, ' ')) e AS w",
    "B38 default": "SELECT '' || ${system:user.name} FROM lake.db.views",
    "B39 hidden beside another": "SELECT RAW__DATA__SIZE FROM lake.db.views v CROSS JOIN (SELECT 1 + 1) x",
    "B39 path": "SELECT v.FILE__PATH FROM lake.db.views v",
    "B39 block": "SELECT BLOCK__OFFSET__INSIDE__FILE FROM lake.db.views",
    "reflect": "SELECT reflect('java.lang.System', 'getenv') FROM lake.db.views",
    "reflect2": "SELECT reflect2(title, 'length') FROM lake.db.views",
    "java_method": "SELECT java_method('java.lang.System', 'getProperty', 'user.name') FROM lake.db.views",
    "keyword in other letters": "\u017fELECT id FROM lake.db.views",
    "columns by a pattern": "SELECT `(ip)?+.+` FROM lake.db.views",
    "a function over tables": "SELECT id FROM noop(ON lake.db.views)",
    "a function of a database": "SELECT default.f(id) FROM lake.db.views",
    "a version": "SELECT id FROM lake.db.views FOR SYSTEM_TIME AS OF '2020-01-01'",
    "a table of a table": "SELECT id FROM lake.db.`views.history`",
    "distribute": "SELECT id FROM lake.db.views DISTRIBUTE BY id",
    "all memory": "SELECT length(printf('%2000000000d', 1)) FROM lake.db.views",
    "a table in a lateral view": (
        "SELECT id FROM lake.db.views LATERAL VIEW explode(array((SELECT MAX(pw) FROM db.secret))) e AS w"
    ),
    "window": "SELECT id, ROW_NUMBER() OVER (PARTITION BY ip) FROM lake.db.views",
    "grouping sets": "SELECT hits FROM lake.db.views GROUP BY hits GROUPING SETS ((ip), (hits))",
    "semi join": "SELECT a.id FROM lake.db.views a LEFT SEMI JOIN lake.db.views b ON a.ip = b.ip",
    "in_file": "SELECT in_file(title, '/etc/passwd') FROM lake.db.views",
    "xpath": "SELECT xpath_string(title, 'a') FROM lake.db.views",
    "who": "SELECT current_user() FROM lake.db.views",
    "who else": "SELECT logged_in_user() FROM lake.db.views",
    "hint": "SELECT /*+ MAPJOIN(v) */ id FROM lake.db.views v",
    "sample": "SELECT id FROM lake.db.views TABLESAMPLE(1 ROWS)",
    "json": "SELECT a FROM lake.db.views LATERAL VIEW json_tuple(title, 'a') j AS a",
    "explode": "SELECT explode(split(title, ' ')) FROM lake.db.views",
    "a join and a view": (
        "SELECT w FROM lake.db.views a LATERAL VIEW explode(split(title, ' ')) e AS w LEFT JOIN lake.db.views b"
        " ON b.title = w"
    ),
    "wrong dialect": "SELECT GROUP_CONCAT(title) FROM lake.db.views",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_before_anything_is_asked(real: Gateway, ann: Person, name: str) -> None:
    refused = ann.refused(ATTACKS[name], dialect="hive")

    assert refused["category"] in {"refused", "unknown-name", "forbidden"}
    detail = real.audit()[-1].detail
    assert (detail["dialect"], detail["statement"]) == ("hive", ATTACKS[name])


# ── The second wall, with the first one off: texts as they would be sent if we had been mistaken ────────────────────
TABLE = "(SELECT `id`, `title` FROM `db`.`views` AS `swap_q1_t_0`) AS `v`"
MISREAD = {
    "B05": f"WITH `secret` AS (SELECT pw FROM db.secret) SELECT pw FROM `secret` CROSS JOIN {TABLE}",
    "B07 join": f"SELECT s.pw FROM {TABLE} JOIN db.secret s ON s.id = v.id",
    "B07 where": f"SELECT 'hunter2' FROM {TABLE} WHERE v.id IN (SELECT id FROM db.secret)",
    "B07 union": f"SELECT `title` FROM {TABLE} UNION ALL SELECT pw FROM db.secret",
    "B09": "FROM db.secret SELECT pw",
    "B11 view": f"SELECT s.pw FROM {TABLE} JOIN db.seen s ON s.id = v.id",
    "B31": "SELECT TRANSFORM(pw) USING 'cat' FROM db.secret",
    "statistics": "SELECT CONCAT(MAX(pw), '') FROM db.secret",
}


def answer(server: Server, statement: str) -> str:
    operation = server.session.execute(statement, 120)
    server.session.finish(operation)
    return repr([column.values.texts() for piece in server.session.rows(operation, 100) for column in piece])


@pytest.mark.parametrize("name", MISREAD)
def test_what_hive_reads_beyond_the_plan_is_refused_and_would_have_told(link: Server, name: str) -> None:
    with pytest.raises(QueryRefused, match="would read something else"):
        native.demand(link, "lake", MISREAD[name], {("db", "views")})

    # Without it, the store itself keeps nothing back.
    assert "hunter2" in answer(link, MISREAD[name])


def test_a_mistake_of_the_planners_is_refused_by_hive(
    monkeypatch: pytest.MonkeyPatch, real: Gateway, ann: Person
) -> None:
    monkeypatch.setattr(
        planning, "_sub_query", lambda _language, _reference, name: f"(SELECT pw AS title FROM db.secret AS `{name}`)"
    )

    error = ann.fails("SELECT title FROM lake.db.views", dialect="hive")

    assert error["title"] == "lake would read something else than SWAP found in the statement."
    refused, ended = real.audit()[-2:]
    assert (refused.event, ended.event, ended.detail["rows"]) == ("query-refused", "query-ended", 0)


def test_a_view_is_read_without_a_right_to_what_is_behind_it(ann: Person) -> None:
    statement = "SELECT v.id, s.pw FROM lake.db.views v JOIN lake.db.nested s ON s.id = v.id"

    assert ask(ann, statement) == [(1, "hunter2")]


def test_beside_a_view_hive_may_read_only_what_is_behind_it(link: Server) -> None:
    seen = "(SELECT `id` FROM `db`.`nested` AS `swap_q1_t_0`) AS `s`"

    native.demand(link, "lake", f"SELECT s.id FROM {seen}", {("db", "nested")})
    with pytest.raises(QueryRefused, match="would read something else"):
        native.demand(link, "lake", f"SELECT v.id FROM {seen} JOIN db.views v ON v.id = s.id", {("db", "nested")})


def test_a_view_of_which_hive_cannot_tell_what_it_reads_is_refused(link: Server) -> None:
    run(link, "CREATE TABLE db.behind (id INT)", "CREATE VIEW db.broken AS SELECT id FROM db.behind")
    statement = "SELECT `id` FROM (SELECT `id` FROM `db`.`broken` AS `swap_q1_t_0`) AS `s`"
    native.demand(link, "lake", statement, {("db", "broken")})
    run(link, "DROP TABLE db.behind")

    with pytest.raises(QueryRefused, match="lake does not understand the statement"):
        native.demand(link, "lake", statement, {("db", "broken")})


def test_hives_mistakes_are_told_without_its_words(ann: Person) -> None:
    error = ann.fails("SELECT id + named_struct('a', 1) AS x FROM lake.db.views", dialect="hive")

    assert error["title"] == "lake does not understand the statement."


@pytest.mark.parametrize(
    ("statement", "function"),
    [
        ("SELECT java_method('java.lang.System', 'getProperty', 'user.name') AS x FROM lake.db.views", "java_method"),
        ("SELECT reflect('java.lang.System', 'getenv', 'PATH') AS x FROM lake.db.views", "reflect"),
    ],
)
def test_without_the_list_of_functions_hive_would_call_java(
    monkeypatch: pytest.MonkeyPatch, ann: Person, statement: str, function: str
) -> None:
    assert ann.refused(statement, dialect="hive")["category"] == "refused"
    known = dialects.LANGUAGES["hive"]
    wide = replace(known, allowed=replace(known.allowed, functions=known.allowed.functions | {function}))
    monkeypatch.setitem(dialects.LANGUAGES, "hive", wide)

    ((first,), *_) = ask(ann, statement)

    assert first


def test_a_locked_column_is_not_there_even_where_rights_are_not_asked(
    monkeypatch: pytest.MonkeyPatch, ann: Person
) -> None:
    monkeypatch.setattr("swap.query.rights.decide", lambda *_: None)

    error = ann.fails("SELECT ip FROM lake.db.views", dialect="hive")

    assert error["title"] == "lake does not understand the statement."


@pytest.mark.parametrize("name", ["INPUT__FILE__NAME", "RAW__DATA__SIZE", "ROW__ID", "FILE__PATH", "ip"])
def test_what_no_catalog_lists_is_not_in_sight_either(monkeypatch: pytest.MonkeyPatch, ann: Person, name: str) -> None:
    known = dialects.LANGUAGES["hive"]
    monkeypatch.setitem(dialects.LANGUAGES, "hive", replace(known, hidden=frozenset()))

    error = ann.fails(f"SELECT x.{name} FROM lake.db.views v CROSS JOIN (SELECT 1 + 1) x", dialect="hive")

    assert error["title"] == "lake does not understand the statement."
