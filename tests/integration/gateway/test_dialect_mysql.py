"""Statements in MySQL's own dialect, by way of the gateway, on MariaDB: right answers, rights, and two walls."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

import services
from conformance.test_connector import eventually
from integration.gateway.gateways import Gateway, Person, running
from swap.connectors import registry
from swap.connectors.mysql import native
from swap.connectors.mysql.wire import Link
from swap.errors import QueryRefused
from swap.query.language import dialects
from swap.query.planning import native as planning
from swap.settings import Denial, Grant, MysqlSource, Policy, Secret

POLICY = Policy(
    grants=(Grant(name="all", groups=("analysts",), on=("wiki", "other")),),
    denials=(
        Denial(
            name="addresses", on=("wiki.db.user.ip",), because="locks addresses", unless_groups=("privacy",),
            ask="privacy",
        ),
        Denial(
            name="secrets", on=("wiki.db.secret",), because="keeps these to privacy", unless_groups=("privacy",),
            ask="privacy",
        ),
    ),
)  # fmt: skip
TABLES = (
    "CREATE DATABASE db CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    (
        "CREATE TABLE db.user (id INT PRIMARY KEY, name VARCHAR(50), ip VARCHAR(50), edits BIGINT, money DECIMAL(60,30),"
        " ratio FLOAT, seen DATETIME(6), KEY (name))"
    ),
    (
        "INSERT INTO db.user VALUES (1, 'Ann', '10.0.0.1', 10, 123456789012345678901234567890.000000000000000000000000000001,"
        " 0.1, '2026-01-01 00:00:00.5'), (2, 'ann', '10.0.0.2', 5, -1, 16777217, NULL),"
        " (3, 'Bob', '10.0.0.3', 5, NULL, NULL, '2026-02-01')"
    ),
    "CREATE TABLE db.secret (id INT PRIMARY KEY, pw VARCHAR(50), KEY (pw))",
    "INSERT INTO db.secret VALUES (1, 'hunter2')",
    "CREATE TABLE db.odd (flags BIT(3), place POINT, day DATE)",
    "SET sql_mode = ''",
    "INSERT INTO db.odd VALUES (b'101', POINT(1, 2), '0000-00-00')",
    "CREATE VIEW db.seen AS SELECT id, pw FROM db.secret",
    "CREATE TABLE db.page (id INT PRIMARY KEY, title VARBINARY(255), touched BINARY(14), raw VARBINARY(9))",
    "INSERT INTO db.page VALUES (1, 'Zürich', '20260102030405', X'ff'), (2, NULL, NULL, NULL)",
    "CREATE VIEW db.counted AS SELECT COUNT(*) AS n, MAX(s.pw) AS top FROM db.secret AS s",
    "CREATE ALGORITHM=TEMPTABLE VIEW db.nested AS SELECT n.id, n.pw, c.top FROM db.seen n JOIN db.counted c",
)


@pytest.fixture(scope="module")
def server() -> Iterator[services.MariaDB]:
    made = services.MariaDB()
    made.run(
        *TABLES,
        "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'a secret'",
        # More than a site should give: what the walls keep closed, the store does not.
        "GRANT SELECT, SHOW VIEW, EXECUTE ON *.* TO reader@'127.0.0.1'",
        "GRANT FILE ON *.* TO reader@'127.0.0.1'",
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def real(
    server: services.MariaDB, module_database: services.Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("mysql")
    password = directory / "password"
    password.write_text("a secret")
    password.chmod(0o600)
    source = MysqlSource(
        kind="mysql", host="127.0.0.1", port=server.port, user="reader", password=Secret(file=password),
        databases=("db",), text=("db.page.title",), timestamps=("db.page.touched",),
    )  # fmt: skip
    sources = {name: registry.create(name, source) for name in ("wiki", "other")}
    with running(module_database, directory, sources, POLICY, seconds=20) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def ann(real: Gateway) -> Person:
    return real.person("ann", "analysts")


def ask(person: Person, statement: str, **more: Any) -> list[tuple[Any, ...]]:
    return person.rows(statement, dialect="mysql", **more)


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT COUNT(*) FROM wiki.db.user WHERE name = 'ANN'", [(2,)]),
        ("SELECT 'a' = 'A', 7 DIV 2, 7 / 2 FROM wiki.db.user WHERE id = 1", [(1, 3, Decimal("3.5000"))]),
        ("SELECT name, COUNT(*) AS n FROM wiki.db.user GROUP BY name ORDER BY n DESC, name", [("Ann", 2), ("Bob", 1)]),
        ("SELECT GROUP_CONCAT(CONVERT(name USING utf8mb4) ORDER BY id SEPARATOR ', ') AS names FROM wiki.db.user", [("Ann, ann, Bob",)]),
        ("SELECT id, RANK() OVER (ORDER BY edits DESC) r FROM wiki.db.user ORDER BY id", [(1, 1), (2, 2), (3, 2)]),
        ("SELECT MAX(id), MIN(u.name) FROM wiki.db.user u", [(3, "Ann")]),
        ("SELECT MAX(id) FROM wiki.db.user", [(3,)]),
        ("SELECT id FROM wiki.db.user WHERE 1 = 0", []),
        ("SELECT a.id, b.id FROM wiki.db.user a JOIN wiki.db.user b ON a.name = b.name AND a.id < b.id", [(1, 2)]),
        ("WITH u AS (SELECT id, edits FROM wiki.db.user) SELECT a.id FROM u a JOIN u ON a.id = u.id + 1 ORDER BY 1",
         [(2,), (3,)]),
        (("WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3)"
         " SELECT n.i, u.name FROM n JOIN wiki.db.user AS u ON u.id = n.i ORDER BY n.i LIMIT 1, 1"), [(2, "ann")]),
        ("SELECT id FROM wiki.db.user UNION SELECT id + 10 FROM wiki.db.user ORDER BY id DESC LIMIT 2", [(13,), (12,)]),
        ("SELECT DATE_ADD(seen, INTERVAL 1 DAY) > '2026-01-02' FROM wiki.db.user WHERE id = 1 -- why\n", [(1,)]),
        ("SELECT name FROM wiki.db.user WHERE name LIKE 'b\\_%' OR name = \"it's\" OR name REGEXP '^b'", [("Bob",)]),
        ("SELECT (SELECT COUNT(*) FROM wiki.db.user x WHERE x.edits = u.edits) c FROM wiki.db.user u ORDER BY id",
         [(1,), (2,), (2,)]),
        ("SELECT id, id FROM wiki.db.user WHERE EXISTS (SELECT 1 FROM wiki.db.user q WHERE q.id = 9) OR id = 1",
         [(1, 1)]),
    ],
)  # fmt: skip
def test_mysql_means_what_it_means_there(ann: Person, statement: str, rows: list[Any]) -> None:
    assert ask(ann, statement) == rows


def test_values_are_exact_to_the_last_digit(ann: Person) -> None:
    table = ann.sql("SELECT money, SUM(edits) AS s, ratio, seen FROM wiki.db.user WHERE id = 1", dialect="mysql")

    assert table.schema.field("money").type == pa.decimal256(60, 30)
    (row,) = table.to_pylist()
    assert str(row["money"]) == "123456789012345678901234567890.000000000000000000000000000001"
    assert (row["s"], row["ratio"], str(row["seen"])) == (10, 0.10000000149011612, "2026-01-01 00:00:00.500000")


KINDS: dict[str, tuple[pa.DataType, str]] = {
    "1 + 1": (pa.int32(), "2"),
    "CAST(-9999999999 AS SIGNED)": (pa.int64(), "-9999999999"),
    "CAST(18446744073709551615 AS UNSIGNED)": (pa.uint64(), str(2**64 - 1)),
    "CAST(1.5 AS DECIMAL(38,30))": (pa.decimal128(38, 30), f"1.5{'0' * 29}"),
    "CAST(1.5 AS DECIMAL(65,30))": (pa.decimal256(65, 30), f"1.5{'0' * 29}"),
    "7 / 2": (pa.decimal128(5, 4), "3.5000"),
    "AVG(id)": (pa.decimal128(14, 4), "2.0000"),
    "SUM(edits)": (pa.decimal256(41, 0), "20"),
    "1e300 * 10": (pa.float64(), "1e+301"),
    "ratio * 3": (pa.float64(), "0.30000000447034836"),
    "NULL": (pa.string(), "None"),
    "'ä'": (pa.string(), "ä"),
    "CONCAT(name, 1)": (pa.string(), "Ann1"),
    "CAST('ä' AS BINARY)": (pa.binary(), "b'\\xc3\\xa4'"),
    "X'00ff'": (pa.binary(), "b'\\x00\\xff'"),
    "DATE '2026-01-02'": (pa.date32(), "2026-01-02"),
    "TIMESTAMP '2026-01-02 03:04:05.5'": (pa.timestamp("us"), "2026-01-02 03:04:05.500000"),
    "TIMEDIFF('30:00:00', '00:00:01')": (pa.duration("us"), "1 day, 5:59:59"),
    "JSON_EXTRACT('[1]', '$[0]')": (pa.string(), "1"),
}


@pytest.mark.parametrize("expression", KINDS)
def test_a_results_type_is_what_the_server_says(ann: Person, expression: str) -> None:
    table = ann.sql(f"SELECT {expression} AS v FROM wiki.db.user GROUP BY 1 = 1 ORDER BY id", dialect="mysql")

    assert (table.schema.field("v").type, str(table["v"][0].as_py())) == KINDS[expression]


TEXT, MOMENT, BYTES = pa.string(), pa.timestamp("us"), pa.binary()


@pytest.mark.parametrize(
    ("statement", "types"),
    [
        ("SELECT title, touched AS t, raw FROM wiki.db.page", (TEXT, MOMENT, BYTES)),
        ("SELECT * FROM wiki.db.page p ORDER BY id", (pa.int32(), TEXT, MOMENT, BYTES)),
        ("SELECT p.*, q.raw, q.title FROM wiki.db.page p JOIN wiki.db.page q USING (id)",
         (pa.int32(), TEXT, MOMENT, BYTES, BYTES, TEXT)),
        ("SELECT * FROM wiki.db.page p LEFT JOIN wiki.db.user u ON u.id = p.id",
         (pa.int32(), TEXT, MOMENT, BYTES, pa.int32(), TEXT, pa.int64(), pa.decimal256(60, 30), pa.float64(), MOMENT)),
        ("SELECT title, MAX(touched), CONCAT(title) FROM wiki.db.page GROUP BY title", (TEXT, BYTES, BYTES)),
        # From here on they are what the server says: the name alone does not tell whose column it is.
        ("SELECT title FROM (SELECT title FROM wiki.db.page) p", (BYTES,)),
        ("SELECT title FROM wiki.db.page UNION SELECT raw FROM wiki.db.page", (BYTES,)),
        ("SELECT *, 1 FROM wiki.db.page p JOIN wiki.db.page q USING (id)",
         (pa.int32(), BYTES, BYTES, BYTES, BYTES, BYTES, BYTES, pa.int32())),
        ("SELECT (SELECT title FROM wiki.db.page WHERE id = 1), title FROM wiki.db.page", (BYTES, TEXT)),
    ],
)  # fmt: skip
def test_a_tables_own_bytes_mean_what_the_settings_say(ann: Person, statement: str, types: tuple[Any, ...]) -> None:
    assert tuple(ann.sql(statement, dialect="mysql").schema.types) == types


def test_bytes_that_are_text_or_a_moment_come_as_such(ann: Person) -> None:
    (row, empty) = ann.sql("SELECT title, touched FROM wiki.db.page ORDER BY id", dialect="mysql").to_pylist()

    assert (row["title"], str(row["touched"])) == ("Zürich", "2026-01-02 03:04:05")
    assert empty == {"title": None, "touched": None}


@pytest.mark.parametrize(
    ("expression", "why", "instead", "value"),
    [
        ("flags", "The column flags has a type that does not travel exactly.", "CAST(flags AS UNSIGNED)", 5),
        ("place", "The column place has a type that does not travel exactly.", "ST_AsText(place)", "POINT(1 2)"),
        (
            "day",
            "The column day holds a date that does not exist, as 0000-00-00, first in row 1 of the answer.",
            "CAST(day AS CHAR)",
            "0000-00-00",
        ),
    ],
)
def test_what_does_not_travel_is_told_with_what_does(
    ann: Person, expression: str, why: str, instead: str, value: Any
) -> None:
    assert ann.fails(f"SELECT {expression} FROM wiki.db.odd", dialect="mysql")["why"] == why

    assert ask(ann, f"SELECT {instead} AS v FROM wiki.db.odd") == [(value,)]


def test_parameters_are_literals_of_their_own_types(ann: Person) -> None:
    params = {"name": "x' OR '1' = '1", "ids": [1, -2, 3], "edits": 7}
    found = ask(
        ann,
        "SELECT id FROM wiki.db.user WHERE name <> :name AND id IN (:ids) AND edits > -:edits ORDER BY id",
        params=params,
    )

    assert found == [(1,), (3,)]


def test_a_star_opens_to_what_the_person_may_read(ann: Person) -> None:
    query_id = ann.start("SELECT * FROM wiki.db.user WHERE id = 3", dialect="mysql")
    state = ann.ended(query_id)

    assert state["notices"] == ["SELECT * left out ip: the rule addresses locks it."]
    assert ann.result(query_id).column_names == ["id", "name", "edits", "money", "ratio", "seen"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT ip FROM wiki.db.user",
        "SELECT id FROM wiki.db.user ORDER BY ip",
        "SELECT u.id FROM wiki.db.user u WHERE EXISTS (SELECT 1 FROM wiki.db.user x WHERE x.ip > u.name)",
        "SELECT id FROM wiki.db.user GROUP BY id HAVING MAX(ip) > 'a'",
        "SELECT a.id FROM wiki.db.user a JOIN wiki.db.user b USING (ip)",
        "SELECT pw FROM wiki.db.secret",
    ],
)
def test_what_is_locked_is_refused_as_elsewhere_and_recorded(real: Gateway, ann: Person, statement: str) -> None:
    here, there = ann.refused(statement, dialect="mysql"), ann.refused(statement)

    assert here == there
    assert here["category"] == "forbidden"
    detail = real.audit("query-refused")[-2].detail
    assert (detail["dialect"], detail["rule"]) == ("mysql", here["rule"])


ATTACKS = {
    "B01": "SELECT id FROM wiki.db.user; SELECT pw FROM db.secret",
    "B02": "SELECT id FROM wiki.db.user;#\nSELECT pw FROM db.secret",
    "B03": "SELECT id FROM wiki.db.user /*!50000 UNION SELECT pw FROM db.secret */",
    "B03 MariaDB": "SELECT name FROM wiki.db.user /*M!100000 UNION SELECT pw FROM db.secret */",
    "B03 plain": "SELECT name FROM wiki.db.user /*! UNION SELECT pw FROM db.secret */",
    "B05": "WITH secret AS (SELECT pw FROM secret) SELECT pw FROM secret",
    "B05 inside": "SELECT * FROM (WITH secret AS (SELECT 1 x) SELECT * FROM secret) a, db.secret",
    "B07": "SELECT (SELECT pw FROM db.secret LIMIT 1) FROM wiki.db.user",
    "B10": "HANDLER db.secret OPEN",
    "B14": "CALL db.f()",
    "B15": "PREPARE s FROM 'SELECT pw FROM db.secret'",
    "B15 now": "EXECUTE IMMEDIATE 'SELECT pw FROM db.secret'",
    "B17": "SELECT SLEEP(10) FROM wiki.db.user",
    "B17 benchmark": "SELECT BENCHMARK(1000000000, MD5('a')) FROM wiki.db.user",
    "B17 lock": "SELECT GET_LOCK('a', 10) FROM wiki.db.user",
    "B17 do": "DO SLEEP(10)",
    "B18": "SELECT name INTO OUTFILE '/tmp/swap-outfile' FROM wiki.db.user",
    "B18 dump": "SELECT name FROM wiki.db.user INTO DUMPFILE '/tmp/swap-outfile'",
    "B18 variable": "SELECT name INTO @a FROM wiki.db.user",
    "B18 set": "SELECT @a := name FROM wiki.db.user",
    "B18 session": "SELECT @@datadir FROM wiki.db.user",
    "B19": "SELECT LOAD_FILE('/etc/passwd') FROM wiki.db.user",
    "B21": "SELECT table_name FROM information_schema.tables",
    "B21 source": "SELECT table_name FROM wiki.information_schema.tables",
    "B21 mysql": "SELECT user FROM wiki.mysql.user",
    "B21 show": "SHOW CREATE TABLE db.secret",
    "B21 explain": "EXPLAIN SELECT pw FROM db.secret",
    "B22": "SELECT EXTRACTVALUE(1, CONCAT(0x7e, (SELECT pw FROM db.secret))) FROM wiki.db.user",
    "B23": "USE db",
    "B43": "SELECT a FROM wiki.db.user, JSON_TABLE('[1]', '$[*]' COLUMNS (a INT PATH '$')) j",
    "B45": "SELECT name FROM wiki.db.user WHERE name = _gbk X'bf27'",
    "lock": "SELECT name FROM wiki.db.user FOR UPDATE",
    "shared": "SELECT name FROM wiki.db.user LOCK IN SHARE MODE",
    "hint": "SELECT /*+ MAX_EXECUTION_TIME(0) */ name FROM wiki.db.user",
    "index": "SELECT name FROM wiki.db.user USE INDEX (PRIMARY)",
    "modifier": "SELECT SQL_NO_CACHE name FROM wiki.db.user",
    "statement time": "SET STATEMENT max_statement_time=0 FOR SELECT name FROM wiki.db.user",
    "procedure": "SELECT name FROM wiki.db.user PROCEDURE ANALYSE()",
    "natural": "SELECT a.id FROM wiki.db.user a NATURAL JOIN wiki.db.user b",
    "who": "SELECT CURRENT_USER() FROM wiki.db.user",
    "partition": "SELECT name FROM wiki.db.user PARTITION (p0)",
    "quoted function": "SELECT `sleep`(1) FROM wiki.db.user",
    "stored function": "SELECT db.f(1) FROM wiki.db.user",
    "keyword in other letters": "\u017fELECT id FROM wiki.db.user",
    "sequence": "SELECT NEXT VALUE FOR db.seq FROM wiki.db.user",
    "sequence by name": "SELECT NEXTVAL(db.seq), SETVAL(db.seq, 9) FROM wiki.db.user",
    "history": "SELECT id FROM wiki.db.user FOR SYSTEM_TIME ALL",
    "history of a query": "WITH w AS (SELECT id FROM wiki.db.user) SELECT id FROM w FOR SYSTEM_TIME ALL",
    "a row's hidden number": "SELECT _rowid FROM wiki.db.user",
    "in another table": "SELECT name FROM wiki.db.user WHERE name IN (TABLE db.secret)",
    "ODBC": "SELECT {fn SLEEP(1)} FROM wiki.db.user",
    "lateral": "SELECT * FROM wiki.db.user u, LATERAL (SELECT u.ip) x",
    "alias in HAVING": "SELECT id AS ip FROM wiki.db.user HAVING ip > 1",
    "alias in GROUP BY": "SELECT id AS ip FROM wiki.db.user GROUP BY ip",
    "a correlated sub-query": "SELECT (SELECT x.ip FROM wiki.db.user x WHERE x.id = u.id) FROM wiki.db.user u",
    "recursive": "WITH RECURSIVE secret AS (SELECT id, ip FROM wiki.db.user UNION SELECT id, ip FROM secret) SELECT * FROM secret",
    "a later query": "WITH RECURSIVE a AS (SELECT * FROM secret), secret AS (SELECT 1) SELECT * FROM a, wiki.db.user",
    "deep": f"SELECT {'(' * 200}id{')' * 200} FROM wiki.db.user",
    "two sources": "SELECT u.id FROM wiki.db.user u JOIN other.db.user o ON u.id = o.id",
    "no table": "SELECT 1",
    "a comment that ends elsewhere": "SELECT 1 /* /* */ FROM wiki.db.user -- */ UNION SELECT pw FROM db.secret",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_before_anything_is_asked(real: Gateway, ann: Person, name: str) -> None:
    refused = ann.refused(ATTACKS[name], dialect="mysql")

    assert refused["category"] in {"refused", "unknown-name", "forbidden"}
    detail = real.audit()[-1].detail
    assert (detail["dialect"], detail["statement"]) == ("mysql", ATTACKS[name])


def test_texts_are_texts_in_every_mode(ann: Person) -> None:
    # Where backslashes did not count, the second would end the text, and the third be SQL.
    odd = ["\\", "'", "\\' UNION SELECT pw FROM db.secret -- ", "a\0b"[:1], "ä\n\t\x1a%_", "\xbf'", "/*! x */", "${x}"]
    for value in odd:
        assert ask(ann, "SELECT :v AS v FROM wiki.db.user WHERE id = 1", params={"v": value}) == [(value,)]
    assert ask(ann, "SELECT '\\' UNION SELECT pw FROM db.secret -- ' AS v FROM wiki.db.user WHERE id = 1") == [
        ("' UNION SELECT pw FROM db.secret -- ",)
    ]


def test_cancelling_ends_it_at_the_server(server: services.MariaDB, ann: Person) -> None:
    many = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
    statement = f"{many} SELECT COUNT(*) FROM n a JOIN n b JOIN n c JOIN n d JOIN wiki.db.user u ON u.id <> a.i * b.i"
    query_id = ann.start(statement, dialect="mysql")
    assert eventually(lambda: any(query_id in said for said in server.statements()))

    with ann.client() as client:
        assert client.delete(f"/v1/queries/{query_id}").json() == {"state": "cancelled"}

    assert eventually(lambda: not any(query_id in said for said in server.statements()))


# ── The second wall, with the first one off: texts as they would be sent if we had been mistaken ────────────────────
TABLE = "(SELECT `id`, `name` FROM `db`.`user` AS `swap_q1_t_0`) AS `u`"
PLANNED = {"swap_q1_t_0": ("db", "user")}
MISREAD = {
    "B03": f"SELECT `name` FROM {TABLE} /*!50000 UNION SELECT pw FROM db.secret */",
    "B03 MariaDB": f"SELECT `name` FROM {TABLE} /*M!100000 UNION SELECT pw FROM db.secret */",
    "B05": f"WITH `secret` AS (SELECT pw FROM db.secret) SELECT pw FROM `secret`, {TABLE}",
    "B07 list": f"SELECT (SELECT pw FROM db.secret LIMIT 1) FROM {TABLE}",
    "B07 where": f"SELECT 'hunter2' FROM {TABLE} WHERE EXISTS (SELECT 1 FROM db.secret WHERE pw LIKE 'h%')",
    "B07 join": f"SELECT pw FROM {TABLE} JOIN db.secret s ON s.id = u.id",
    "B07 order": f"SELECT 'hunter2' FROM {TABLE} ORDER BY (SELECT MAX(pw) FROM db.secret)",
    "B11 view": f"SELECT pw FROM {TABLE} JOIN db.seen s ON s.id = u.id",
    "B11 nested": f"SELECT pw FROM {TABLE} JOIN db.nested s ON s.id = u.id",
    "B21 mysql": f"SELECT CONCAT(User, 'hunter2') FROM {TABLE}, mysql.global_priv",
    "B21 schema": f"SELECT CONCAT(table_name, 'hunter2') FROM {TABLE}, information_schema.tables t",
    "B46": f"SELECT `name` FROM {TABLE} WHERE `name` = '\\\\' UNION SELECT pw FROM db.secret -- '",
    "statistics": "SELECT MAX(pw) FROM db.secret",
    "statistics in a query": "SELECT d.n FROM (SELECT MAX(pw) AS n FROM db.secret) AS d",
    "one of two rows": f"SELECT d.n FROM {TABLE} JOIN (SELECT MAX(pw) AS n FROM db.secret) AS d",
    "no row in a query": (
        "SELECT IF(d.n = 0, 'hunter2', '') FROM (SELECT COUNT(*) AS n FROM db.secret WHERE id = 1 AND pw = 'x') AS d"
    ),
    "one row": "SELECT pw FROM db.secret WHERE id = 1",
    "no row": "SELECT IF(COUNT(*) = 0, 'hunter2', '') FROM db.secret WHERE id = 1 AND pw = 'x'",
    "a name of ours": "SELECT pw FROM db.secret AS swap_q1_t_0",
    "a name of the server's": "SELECT pw FROM db.secret AS `<derived2>`",
    "a name in disguise": 'SELECT pw FROM db.secret AS `x": "swap_q1_t_0`',
    "far behind": f"SELECT '{'x' * 9000}' AS a FROM {TABLE} UNION SELECT pw FROM db.secret AS swap_q1_t_0",
    "a table called like a query": "SELECT pw FROM (SELECT 'x' AS secret LIMIT 1) AS db JOIN db.secret WHERE 1 = 1",
    "a table called like a query in WITH": (
        f"WITH `w` AS (SELECT `id` FROM {TABLE} LIMIT 3) SELECT c.pw FROM `w` JOIN `w` AS `v`"
        " JOIN (SELECT pw FROM db.secret AS `v` LIMIT 3) AS c JOIN (SELECT pw FROM db.secret AS `w` LIMIT 3) AS d"
    ),
    "a query called like one in WITH": (
        f"WITH `w` AS (SELECT `id` FROM {TABLE} LIMIT 3)"
        " SELECT (SELECT `v`.pw FROM (SELECT MAX(pw) AS pw FROM db.secret) AS `v`) FROM `w` JOIN `w` AS `v`"
    ),
    "one row called like one in WITH": (
        f"WITH `w` AS (SELECT `id` FROM {TABLE} LIMIT 3) SELECT d.pw FROM `w` JOIN `w` AS `v`"
        " JOIN (SELECT `v`.pw FROM db.secret AS `v` WHERE `v`.id = 1 LIMIT 1) AS d"
    ),
    "one row called like a query": (
        f"SELECT d.pw FROM (SELECT COUNT(*) AS n FROM {TABLE} GROUP BY `id`) AS `v`"
        " JOIN (SELECT `v`.pw FROM db.secret AS `v` WHERE `v`.id = 1 LIMIT 1) AS d"
    ),
    "a literal that looks like a call": "SELECT 'extract(day from ' AS a, pw FROM db.secret AS swap_q1_t_0",
}


@pytest.fixture
def link(server: services.MariaDB) -> Iterator[Link]:
    ours, theirs = socket.socketpair()
    address = {
        "host": "127.0.0.1", "port": server.port, "user": "reader", "password": "a secret", "tls": False, "ca": "",
        "connect_seconds": 3.0,
    }  # fmt: skip
    with ours, theirs:
        made = Link("wiki", "wiki", address, ours.fileno())
        made.connect(time.monotonic() + 20)
        made.prepare(20)
        yield made
        made.close()


@pytest.mark.parametrize("name", MISREAD)
def test_what_the_server_reads_beyond_the_plan_is_refused_and_would_have_told(link: Link, name: str) -> None:
    with pytest.raises(QueryRefused, match="would read something else"):
        native.demand(link, "wiki", MISREAD[name], PLANNED)

    # Without it, the store itself keeps nothing back.
    assert "hunter2" in repr(link.ask(MISREAD[name]))


def test_a_plan_that_is_read_as_it_is_passes(link: Link) -> None:
    for statement in (
        f"SELECT `name` FROM {TABLE}",
        f"SELECT MAX(`id`) FROM {TABLE}",
        f"SELECT 'a`.`b', MAX(`id`) AS `x.``y``.z` FROM {TABLE}",
        f"WITH `w` AS (SELECT `id` FROM {TABLE} LIMIT 1) SELECT * FROM `w` JOIN `w` AS `v` USING (`id`)",
        f"SELECT `id` FROM {TABLE} UNION SELECT `id` FROM {TABLE} GROUP BY `id` HAVING COUNT(*) > 7",
        f"SELECT `d`.`n` FROM (SELECT COUNT(*) AS `n` FROM {TABLE}) AS `d` WHERE 1 = 0",
        f"SELECT AVG(`d`.`n`) FROM (SELECT `name`, COUNT(*) AS `n` FROM {TABLE} GROUP BY `name`) AS `d`",
        f"SELECT `id` FROM {TABLE} WHERE `id` = (SELECT MAX(`id`) FROM {TABLE}) OR EXISTS (SELECT 1 FROM {TABLE} WHERE `id` = 9)",
        f"SELECT EXTRACT(DAY FROM `d`.`n`), TRIM(BOTH FROM `d`.`n`) FROM (SELECT MAX(`id`) AS `n` FROM {TABLE}) AS `d`",
        f"WITH `w` AS (SELECT COUNT(*) AS `n` FROM {TABLE}) SELECT `w`.`n` FROM `w` WHERE `w`.`n` = 1 AND 1 = 0",
    ):
        native.demand(link, "wiki", statement, PLANNED)


def test_a_mistake_of_the_planners_is_refused_by_the_server(
    monkeypatch: pytest.MonkeyPatch, real: Gateway, ann: Person
) -> None:
    monkeypatch.setattr(
        planning, "_sub_query", lambda _language, _reference, name: f"(SELECT pw AS name FROM db.secret AS `{name}`)"
    )

    error = ann.fails("SELECT name FROM wiki.db.user", dialect="mysql")

    assert error["title"] == "wiki would read something else than SWAP found in the statement."
    refused, ended = real.audit()[-2:]
    assert (refused.event, ended.event, ended.detail["rows"]) == ("query-refused", "query-ended", 0)


# ── Views: who may read one need not be allowed to read what it reads ───────────────────────────────────────────────
@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT id FROM wiki.db.seen", [(1,)]),
        ("SELECT u.name, s.pw FROM wiki.db.seen s JOIN wiki.db.user u USING (id)", [("Ann", "hunter2")]),
        ("SELECT COUNT(*) FROM wiki.db.seen s WHERE s.id = 9", [(0,)]),
        ("SELECT MAX(id), MAX(pw) FROM wiki.db.seen", [(1, "hunter2")]),
        ("SELECT n, top FROM wiki.db.counted WHERE top LIKE 'h%'", [(1, "hunter2")]),
        ("SELECT s.id FROM wiki.db.seen s JOIN wiki.db.nested n ON n.pw = s.pw WHERE 1 = 1", [(1,)]),
        ("SELECT id FROM wiki.db.nested WHERE 1 = 0", []),
        ("WITH v AS (SELECT id FROM wiki.db.nested) SELECT a.id FROM v a JOIN v b USING (id)", [(1,)]),
    ],
)
def test_a_view_is_read_without_a_right_to_what_is_behind_it(ann: Person, statement: str, rows: list[Any]) -> None:
    assert ask(ann, statement) == rows


SEEN = "(SELECT `id`, `pw` FROM `db`.`seen` AS `swap_q1_t_0`) AS `s`"
BESIDE_A_VIEW = {
    "another table": f"SELECT o.flags, 'hunter2' FROM {SEEN} JOIN db.odd o",
    "under a name that stands in the view": f"SELECT secret.flags, 'hunter2' FROM {SEEN} JOIN db.odd AS secret",
    "as what the view is called": f"SELECT 'hunter2' FROM {SEEN} UNION SELECT name FROM db.user AS swap_q1_t_0",
    "by statistics": f"SELECT 'hunter2', MAX(u.name) FROM db.user u WHERE EXISTS (SELECT * FROM {SEEN} WHERE 1 = 0)",
    "beside one without rows": f"SELECT id, 'hunter2' FROM {SEEN} WHERE 1 = 0 UNION SELECT id, 'hunter2' FROM db.user",
}


@pytest.mark.parametrize("name", BESIDE_A_VIEW)
def test_beside_a_view_the_server_may_read_only_what_is_behind_it(link: Link, name: str) -> None:
    with pytest.raises(QueryRefused, match="would read something else"):
        native.demand(link, "wiki", BESIDE_A_VIEW[name], {"swap_q1_t_0": ("db", "seen")})

    assert "hunter2" in repr(link.ask(BESIDE_A_VIEW[name])) or "1 = 0" in BESIDE_A_VIEW[name]


def test_a_view_that_the_server_does_not_explain_is_refused_with_what_to_do(
    server: services.MariaDB, real: Gateway, ann: Person
) -> None:
    server.run("REVOKE SHOW VIEW ON *.* FROM reader@'127.0.0.1'")
    try:
        error = ann.fails("SELECT id FROM wiki.db.seen", dialect="mysql")
    finally:
        server.run("GRANT SHOW VIEW ON *.* TO reader@'127.0.0.1'")

    assert (error["category"], error["title"]) == ("refused", "wiki does not tell SWAP what the view db.seen reads.")
    assert "let SWAP's account explain the view" in error["todo"]
    refused, ended = real.audit()[-2:]
    assert (refused.event, refused.detail["dialect"], ended.event) == ("query-refused", "mysql", "query-ended")


def test_the_servers_mistakes_are_told_without_its_words(ann: Person) -> None:
    error = ann.fails("SELECT CONCAT(name) AS x FROM wiki.db.user WHERE x = 'Ann'", dialect="mysql")

    assert error["title"] == "wiki does not understand the statement."
    assert "an alias is not seen in WHERE" in error["why"]


# ── The first wall, a part of it off at a time ──────────────────────────────────────────────────────────────────────
def wider(monkeypatch: pytest.MonkeyPatch, **more: set[str]) -> None:
    known = dialects.LANGUAGES["mysql"]
    lists = {key: getattr(known.allowed, key) | values for key, values in more.items() if key != "marks"}
    wide = replace(known, allowed=replace(known.allowed, **lists), marks=known.marks | more.get("marks", set()))
    monkeypatch.setitem(dialects.LANGUAGES, "mysql", wide)


def test_without_the_list_of_functions_the_server_would_read_a_file(
    monkeypatch: pytest.MonkeyPatch, server: services.MariaDB, ann: Person
) -> None:
    file = server.state / "told"
    file.write_text("a file of the server's")
    file.chmod(0o644)
    statement = f"SELECT LOAD_FILE('{file}') FROM wiki.db.user WHERE id = 1"
    assert "load_file" in ann.refused(statement, dialect="mysql")["title"].lower()

    wider(monkeypatch, functions={"load_file"})

    assert "a file of the server's" in repr(ask(ann, statement))


@pytest.mark.parametrize(
    ("statement", "more"),
    [
        ("SELECT SLEEP(0) FROM wiki.db.user WHERE id = 1", {"functions": {"sleep"}}),
        ("SELECT GET_LOCK('a', 0) FROM wiki.db.user WHERE id = 1", {"functions": {"get_lock"}}),
        ("SELECT BENCHMARK(1, MD5('a')) FROM wiki.db.user WHERE id = 1", {"functions": {"benchmark"}}),
        ("SELECT @@datadir FROM wiki.db.user WHERE id = 1", {"marks": {"@@"}, "nodes": {"SessionParameter"}}),
        ("SELECT @a FROM wiki.db.user WHERE id = 1", {"marks": {"@"}, "nodes": {"Parameter"}}),
        ("SELECT CURRENT_USER FROM wiki.db.user WHERE id = 1", {"nodes": {"CurrentUser"}}),
        ("SELECT _latin1'a' FROM wiki.db.user WHERE id = 1", {"nodes": {"Introducer"}}),
        ("SELECT UUID() FROM wiki.db.user WHERE id = 1", {"functions": {"uuid"}}),
    ],
)
def test_without_its_list_a_word_would_be_run(
    monkeypatch: pytest.MonkeyPatch, ann: Person, statement: str, more: dict[str, set[str]]
) -> None:
    assert ann.refused(statement, dialect="mysql")["category"] == "refused"

    wider(monkeypatch, **more)

    assert len(ask(ann, statement)) == 1


def test_a_locked_column_is_not_there_even_where_rights_are_not_asked(
    monkeypatch: pytest.MonkeyPatch, ann: Person
) -> None:
    monkeypatch.setattr("swap.query.rights.decide", lambda *_: None)

    error = ann.fails("SELECT ip FROM wiki.db.user", dialect="mysql")

    assert "A column is not there" in error["why"]


@pytest.mark.parametrize("name", ["_rowid", "ROW_START", "ip", "pw"])
def test_what_no_catalog_lists_is_not_in_sight_either(ann: Person, name: str) -> None:
    # Beside a column without a name every name passes the first look: it could be that one's.
    error = ann.fails(f"SELECT x.{name} FROM wiki.db.user AS u, (SELECT 1 + 1) AS x", dialect="mysql")

    assert "A column is not there" in error["why"]


def test_thousands_of_columns_of_one_name_are_told_apart_at_once(ann: Person) -> None:
    table = ann.sql(f"SELECT id{', id' * 4000} FROM wiki.db.user WHERE id = 1", dialect="mysql")

    assert table.column_names[-1] == "id_4000"


def test_a_comment_that_passed_would_still_not_be_sent(monkeypatch: pytest.MonkeyPatch, ann: Person) -> None:
    statement = ATTACKS["B03"]
    known = dialects.LANGUAGES["mysql"]
    monkeypatch.setitem(dialects.LANGUAGES, "mysql", replace(known, comment=r"/\*.*?\*/"))

    # Comments are never sent, so that it would not be run; but it would not mean what it means there.
    assert len(ask(ann, statement)) == 3
