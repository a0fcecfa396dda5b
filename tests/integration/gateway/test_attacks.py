"""Statements that must not run: each is refused, recorded, and no source hears of it.

The rows are those of the attack list (B01 to B47) that one dialect and these sources can meet; each
stands for its class.  `test_defences.py` shows that the defences, taken away, let them through.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed

import httpx
import pyarrow as pa
import pytest

from integration.gateway.gateways import POLICY, Gateway, Person
from services import NO_TLS
from swap.connectors.memory import MemoryConnector
from swap.settings import Grant, Policy

SECRET = "lake.private.secret"
VIEWS = "lake.wmf.pageview_hourly"

REFUSED = [
    ("B01", f"SELECT 1; SELECT * FROM {SECRET}"),
    ("B01", f"SELECT 1;\n;SELECT * FROM {SECRET}"),
    ("B01", "BEGIN; SELECT 1; COMMIT"),
    ("B02", f"SELECT 1 ;-- \n SELECT * FROM {SECRET}"),
    ("B02", f"SELECT 1 // SELECT * FROM {SECRET}"),
    ("B02", "DELIMITER $$ SELECT 1 $$"),
    ("B03", f"SELECT a FROM {SECRET} /*!50000 UNION SELECT 1 */"),
    ("B03", f"SELECT 1 /*M!100000 , (SELECT password FROM {SECRET}) */ FROM {SECRET}"),
    ("B05", f"WITH secret AS (SELECT * FROM {SECRET}) SELECT * FROM secret"),
    ("B05", f"SELECT * FROM (WITH secret AS (SELECT 1 x) SELECT * FROM secret) a, {SECRET}"),
    ("B05", f"WITH a AS (SELECT * FROM b), b AS (SELECT * FROM {SECRET}) SELECT * FROM a"),
    ("B05", "WITH secret AS (SELECT * FROM secret) SELECT * FROM secret"),
    *(
        ("B05", statement.format(name=name))
        for name in (
            "pg_settings",
            "duckdb_tables",
            "duckdb_columns",
            "sqlite_master",
            '"/etc/passwd.csv"',
            '"information_schema"',
        )
        for statement in (
            (
                "WITH RECURSIVE {name} AS (SELECT * FROM {name} EXCEPT SELECT * FROM {name} WHERE false) SELECT * FROM"
                " {name}"
            ),
            "WITH RECURSIVE {name} AS (SELECT 1 AS x INTERSECT SELECT x FROM {name}) SELECT * FROM {name}",
            (
                "WITH RECURSIVE {name} AS (SELECT * FROM {name} UNION ALL SELECT * FROM {name} WHERE false) SELECT *"
                " FROM {name}"
            ),
            (
                "WITH RECURSIVE {name} AS (SELECT 1 AS x UNION SELECT x FROM {name} UNION SELECT x FROM {name}) SELECT"
                " * FROM {name}"
            ),
            (
                "WITH RECURSIVE {name} AS (WITH a AS (SELECT * FROM {name}) SELECT * FROM a UNION ALL SELECT * FROM"
                " {name}) SELECT * FROM {name}"
            ),
            "WITH RECURSIVE {name} AS ((SELECT * FROM {name} UNION ALL SELECT * FROM {name})) SELECT * FROM {name}",
            "WITH {name} AS (SELECT * FROM {name}) SELECT * FROM {name}",
            "SELECT * FROM (WITH {name} AS (SELECT 1 AS x) SELECT * FROM {name}) a, {name}",
            "WITH {name} AS (SELECT 1 AS x), {name} AS (SELECT 2 AS x) SELECT * FROM {name}",
        )
    ),
    *(
        ("B07", statement.format(secret=SECRET))
        for statement in (
            "SELECT (SELECT password FROM {secret})",
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM {secret})",
            "SELECT 1 WHERE 1 IN (SELECT id FROM {secret})",
            "SELECT CASE WHEN (SELECT count(*) FROM {secret}) > 0 THEN 1 END",
            "SELECT 1 ORDER BY (SELECT id FROM {secret})",
            "SELECT count(*) GROUP BY (SELECT id FROM {secret})",
            "SELECT count(*) HAVING (SELECT id FROM {secret}) = 1",
            "SELECT 1 LIMIT (SELECT id FROM {secret})",
            "SELECT sum(1) OVER (PARTITION BY (SELECT id FROM {secret}))",
            "SELECT * FROM unnest((SELECT list(password) FROM {secret})) u(x)",
            "SELECT * FROM (VALUES ((SELECT password FROM {secret}))) v",
            "SELECT 1 FROM lake.canonical.countries c JOIN {secret} s ON true",
            (
                "SELECT 1 FROM lake.canonical.countries c JOIN lake.canonical.countries d ON d.name = (SELECT password"
                " FROM {secret})"
            ),
            "SELECT * FROM lake.canonical.countries, LATERAL (SELECT password FROM {secret}) l",
            "SELECT list_transform([1], x -> (SELECT id FROM {secret}))",
            "SELECT name FROM lake.canonical.countries UNION SELECT password FROM {secret}",
            "SELECT name FROM lake.canonical.countries EXCEPT SELECT password FROM {secret}",
            "WITH RECURSIVE r AS (SELECT password FROM {secret} UNION ALL SELECT * FROM r) SELECT * FROM r",
            "SELECT 1 WHERE 1 = ANY (SELECT id FROM {secret})",
            "SELECT {{'a': (SELECT 1 FROM {secret})}}",
            "SELECT count(*) FILTER (WHERE (SELECT true FROM {secret}))",
            "SELECT 1 QUALIFY (SELECT true FROM {secret})",
            "TABLE {secret}",
        )
    ),
    ("B09", f"FROM {SECRET} SELECT *"),
    ("B09", f"FROM {SECRET}"),
    ("B10", "HANDLER t OPEN"),
    ("B14", "CALL pragma_version()"),
    ("B15", "PREPARE x AS SELECT 1"),
    ("B15", "EXECUTE x"),
    ("B15", "EXECUTE IMMEDIATE 'SELECT 1'"),
    ("B15", "SELECT * FROM IDENTIFIER('lake.private.' || 'secret')"),
    ("B15", "SELECT * FROM query('SELECT 1')"),
    ("B15", "SELECT * FROM query_table('secret')"),
    ("B17", "DO 1"),
    ("B17", "SELECT sleep(5)"),
    ("B17", "SELECT pg_sleep(5)"),
    ("B17", "SELECT benchmark(1, 1)"),
    ("B18", "SELECT 1 INTO OUTFILE '/tmp/x'"),
    ("B18", "SELECT 1 INTO x"),
    ("B18", "COPY (SELECT 1) TO '/tmp/x'"),
    ("B18", "EXPORT DATABASE '/tmp/x'"),
    ("B19", "SELECT load_file('/etc/passwd')"),
    ("B19", "SELECT * FROM read_text('/etc/passwd')"),
    ("B19", "SELECT read_blob('/etc/passwd')"),
    ("B19", "LOAD DATA INFILE '/etc/passwd' INTO TABLE t"),
    ("B19", "SELECT * FROM glob('/etc/*')"),
    ("B19", "SELECT * FROM sniff_csv('/etc/passwd')"),
    *(
        ("B21", statement)
        for statement in (
            "SELECT * FROM information_schema.tables",
            "SELECT * FROM information_schema.columns",
            "SELECT * FROM pg_catalog.pg_class",
            "SELECT * FROM sqlite_master",
            "SELECT * FROM duckdb_tables",
            "SELECT * FROM duckdb_settings()",
            "SELECT * FROM duckdb_secrets()",
            "SHOW TABLES",
            "SHOW ALL TABLES",
            f"DESCRIBE {SECRET}",
            f"SUMMARIZE {SECRET}",
            f"EXPLAIN SELECT * FROM {SECRET}",
            f"EXPLAIN ANALYZE SELECT * FROM {SECRET}",
            "SELECT * FROM pragma_table_info('secret')",
            "SELECT current_setting('memory_limit')",
            "SELECT * FROM mediawiki.pg_catalog.pg_class",
            "SELECT * FROM mediawiki.information_schema.tables",
        )
    ),
    ("B23", "USE lake.private"),
    ("B23", "SELECT * FROM secret"),
    ("B23", "SELECT * FROM private.secret"),
    ("B25", "SELECT * FROM mediawiki.private.secret"),
    ("B25", "SELECT * FROM system.main.secret"),
    ("B25", "SELECT * FROM a.lake.private.secret"),
    ("B26", 'SELECT * FROM lake.wmf."pageview_hourly$partitions"'),
    ("B26", f"SELECT * FROM {VIEWS} FOR VERSION AS OF 1"),
    ("B26", f"SELECT * FROM {VIEWS} AT (VERSION => 1)"),
    ("B31", "SELECT TRANSFORM(a) USING 'sh' AS (b) FROM t"),
    ("B31", "SELECT MAP(a) USING"),
    ("B33", "ADD JAR /tmp/x.jar"),
    ("B33", "CREATE FUNCTION f AS 'x'"),
    ("B33", "CREATE MACRO f(a) AS a"),
    ("B33", "CREATE TEMP TABLE x AS SELECT 1"),
    ("B33", "INSTALL httpfs"),
    ("B33", "LOAD httpfs"),
    ("B34", "SET memory_limit = '1TB'"),
    ("B34", "RESET ALL"),
    ("B34", "SET ROLE admin"),
    ("B34", "PRAGMA database_list"),
    ("B35", "dfs -cat /x"),
    ("B35", "!sh id"),
    ("B35", "source x"),
    ("B37", "SELECT * FROM parquet.`/etc/passwd`"),
    ("B37", "SELECT * FROM 'x.parquet'"),
    ("B37", 'SELECT * FROM "file:///etc/passwd"'),
    ("B37", "SELECT * FROM read_parquet('/x')"),
    ("B37", "SELECT * FROM postgres_scan('x', 'y', 'z')"),
    ("B37", "ATTACH 'x.db'"),
    ("B38", "SELECT '${env:PATH}' FROM ${hiveconf:x}"),
    ("B38", "SELECT getenv('PATH')"),
    ("B39", f"SELECT rowid FROM {VIEWS}"),
    ("B39", f"SELECT filename FROM {VIEWS}"),
    ("B39", f"SELECT INPUT__FILE__NAME FROM {VIEWS}"),
    ("B41", "SELECT * FROM TABLE(system.query(query => 'x'))"),
    ("B42", "KILL 1"),
    ("B42", "SELECT pg_terminate_backend(1)"),
    ("B43", f"SELECT * FROM {VIEWS} MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS city = 'x')"),
    ("B43", f"SELECT year FROM {VIEWS} GROUP BY GROUPING SETS ((year), (city))"),
    ("B43", f"PIVOT {VIEWS} ON city USING sum(view_count)"),
    ("B43", f"UNPIVOT {VIEWS} ON city INTO NAME n VALUE v"),
    ("B45", "SELECT '\\' FROM " + SECRET + " -- '"),
    ("B45", "SELECT 1\0"),
    ("B45", "SELECT \xbf' FROM x"),
    ("B45", "SELECT " + "(" * 10_000 + "1" + ")" * 10_000),
    ("B45", "SELECT 1 -- " + "x" * 1_000_000),
    ("B45", " UNION ".join(["SELECT 1"] * 10_000)),
    ("B45", "SELECT＊FROM lake.private.secret"),
    ("B46", f'SELECT "x" "y" FROM {SECRET}'),
    ("B46", "SELECT 'a' || (SELECT password FROM lake.private.secret)"),
    ("B30", f"SELECT city FROM {VIEWS}"),
    ("B30", f"SELECT t.city FROM (SELECT * FROM {VIEWS}) t"),
    ("B30", f"SELECT v.city.x FROM {VIEWS} v"),
    ("DDL", "DROP TABLE x"),
    ("DDL", "INSERT INTO x SELECT 1"),
    ("DDL", "UPDATE x SET a = 1"),
    ("DDL", "DELETE FROM x"),
    ("DDL", "MERGE INTO x USING y ON true WHEN MATCHED THEN DELETE"),
    ("DDL", "WITH x AS (DELETE FROM y RETURNING *) SELECT * FROM x"),
    ("DDL", "WITH x AS (INSERT INTO y SELECT 1) SELECT 1"),
    ("DDL", "VACUUM"),
    ("DDL", "CHECKPOINT"),
]


@pytest.mark.parametrize(
    ("row", "statement"), REFUSED, ids=[f"{row}-{index}" for index, (row, _) in enumerate(REFUSED)]
)
def test_the_statement_is_refused_recorded_and_reaches_no_source(
    shared: Gateway, analyst: Person, row: str, statement: str
) -> None:
    events, asked = len(shared.audit()), len(shared.lake.fragments) + len(shared.mediawiki.fragments)

    error = analyst.refused(statement)

    assert error["category"] in {"refused", "unknown-name", "forbidden", "limit"}
    assert "hunter2" not in str(error)
    (event,) = shared.audit()[events:]
    assert (event.event, event.person_id, event.detail["category"]) == ("query-refused", analyst.id, error["category"])
    assert event.detail["reason"]
    assert len(shared.lake.fragments) + len(shared.mediawiki.fragments) == asked


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        (
            (
                "WITH RECURSIVE pg_settings(name) AS (SELECT 1 UNION ALL SELECT name + 1 FROM pg_settings WHERE name <"
                " 3) SELECT name FROM pg_settings"
            ),
            [(1,), (2,), (3,)],
        ),
        (
            (
                "WITH duckdb_tables AS (SELECT 7 AS x) SELECT duckdb_tables.x AS a, t.x AS b FROM duckdb_tables,"
                " duckdb_tables AS t"
            ),
            [(7, 7)],
        ),
        (
            (
                "WITH pg_settings AS (SELECT 1 AS x), b AS (WITH pg_settings AS (SELECT x + 1 AS x FROM pg_settings)"
                " SELECT * FROM pg_settings) SELECT b.x AS a, p.x AS b FROM b, pg_settings p"
            ),
            [(2, 1)],
        ),
        ('WITH "/etc/passwd.csv" AS (SELECT 1 AS x) SELECT (SELECT max(x) FROM "/etc/passwd.csv") AS x', [(1,)]),
        (
            (
                "WITH swap_input_0 AS (SELECT 1 AS x), swap_cte_0(y) AS (SELECT x + 1 FROM swap_input_0) SELECT y FROM"
                " swap_cte_0"
            ),
            [(2,)],
        ),
    ],
)
def test_a_query_in_with_is_read_whatever_it_is_called(
    analyst: Person, statement: str, rows: list[tuple[int, ...]]
) -> None:
    assert analyst.rows(statement) == rows


def test_a_hidden_table_is_refused_in_the_words_of_one_that_does_not_exist(shared: Gateway, analyst: Person) -> None:
    hidden, missing = (
        analyst.refused("SELECT * FROM lake.private.secret"),
        analyst.refused("SELECT * FROM lake.private.nothing"),
    )

    assert {key: str(value).replace("secret", "nothing") for key, value in hidden.items()} == {
        key: str(value) for key, value in missing.items()
    }


def test_a_suggestion_never_names_what_may_not_be_known(analyst: Person) -> None:
    for statement in (
        "SELECT * FROM lake.private.secre",
        "SELECT * FROM secret",
        "SELECT passwor FROM lake.wmf.pageview_hourly",
    ):
        assert "secret" not in str(analyst.refused(statement)["suggestions"])


def test_a_comment_that_is_code_elsewhere_is_inert(shared: Gateway, analyst: Person) -> None:
    """B03: what MySQL would run between /*! and */ is gone before anything is sent."""
    asked = len(shared.lake.fragments)

    assert analyst.rows("SELECT 1 AS x /*!50000 UNION SELECT password FROM lake.private.secret */") == [(1,)]

    assert len(shared.lake.fragments) == asked


def test_a_star_after_a_schema_change_shows_no_new_column_before_it_is_open(shared: Gateway, analyst: Person) -> None:
    """B29: a column that appears at the source is not in the catalog, so nobody reads it until the rules have seen it."""
    table = shared.lake.tables["canonical.countries"]
    before, table.rows = table.rows, table.rows.append_column("president", table.rows.column("name"))
    try:
        assert analyst.sql("SELECT * FROM lake.canonical.countries").column_names == ["iso_code", "name"]
    finally:
        table.rows = before


def test_a_whole_row_and_a_struct_hold_nothing_locked(analyst: Person) -> None:
    """B30: `SELECT t FROM t` and to_json(t) give the readable columns only."""
    (row,) = analyst.rows("SELECT v FROM lake.wmf.pageview_hourly v WHERE page_id = 1")
    (as_json,) = analyst.rows("SELECT to_json(v)::VARCHAR FROM lake.wmf.pageview_hourly v WHERE page_id = 1")

    assert "city" not in row[0]
    assert "Berlin" not in as_json[0]


def test_a_column_without_a_name_is_not_its_table(make_gateway: Callable[..., Gateway]) -> None:
    """A grant of one column reaches into the table, and so did, for a column called "", into that one."""
    rows = pa.table({"a": [1], "": ["hunter2"]})
    lake = MemoryConnector("lake", {"s.t": rows, "s.nameless": pa.table({"": ["hunter2"]})})
    swap = make_gateway(
        {"lake": lake}, Policy(grants=(Grant(name="one", groups=("analysts",), on=("lake.s.t.a", "lake.s.nameless")),))
    )
    ann = swap.person("ann", "analysts")

    assert ann.sql("SELECT * FROM lake.s.t").column_names == ["a"]
    assert ann.rows("SELECT t FROM lake.s.t") == [({"a": 1},)]
    for statement in (
        'SELECT "" AS x FROM lake.s.t',
        'SELECT t."" AS x FROM lake.s.t',
        "SELECT * FROM lake.s.nameless",
        "SELECT count(*) AS n FROM lake.s.nameless",
    ):
        assert "hunter2" not in str(ann.refused(statement))
    with ann.client() as client:
        assert [column["name"] for column in client.get("/v1/catalog/lake/s/t").json()["columns"]] == ["a"]
        assert [table["name"] for table in client.get("/v1/catalog/tables").json()["tables"]] == ["lake.s.t"]
    assert all(column.name for fragment in lake.fragments for column in fragment.columns)


def test_it_is_the_rules_that_hold_these_back(make_gateway: Callable[..., Gateway]) -> None:
    """With the denials taken away the same statements run: the tests above see the rules at work, not an accident."""
    ann = make_gateway(policy=Policy(grants=POLICY.grants)).person("ann", "analysts")

    assert ann.rows(f"SELECT password FROM {SECRET}") == [("hunter2",)]
    assert ann.rows(f"SELECT city FROM {VIEWS} WHERE page_id = 1") == [("Berlin",)]


@pytest.mark.parametrize(
    "statement",
    [
        "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r) SELECT count(*) FROM r",
        (
            "SELECT count(*) FROM lake.big.numbers a, lake.big.numbers b, lake.big.numbers c, lake.big.numbers d WHERE"
            " a.n + b.n = c.n * random() + d.n"
        ),
    ],
)
def test_a_bomb_goes_off_in_its_own_process_only(make_gateway: Callable[..., Gateway], statement: str) -> None:
    """B06: it ends at a limit, and the gateway answers others meanwhile."""
    swap = make_gateway(seconds=4, memory_bytes=200_000_000, spill_bytes=100_000_000, rows=100_000)
    ann, bob = swap.person("ann", "analysts"), swap.person("bob", "analysts")
    bomb = ann.start(statement)

    assert bob.rows("SELECT 1 AS x") == [(1,)]
    assert ann.ended(bomb)["error"]["category"] in {"timed-out", "limit"}


def test_a_parameter_that_holds_sql_is_a_value(analyst: Person) -> None:
    """B47."""
    rows = analyst.rows(
        "SELECT count(*) FROM lake.canonical.countries WHERE name = :name",
        params={"name": "x' OR 1=1 UNION SELECT password FROM lake.private.secret --"},
    )

    assert rows == [(0,)]


def test_an_error_in_a_value_says_no_more_than_the_person_may_read(analyst: Person) -> None:
    """B22: a cast that fails shows a value of a column of theirs; a locked column cannot be cast at all."""
    error = analyst.fails("SELECT CAST(page_title AS INT) FROM lake.wmf.pageview_hourly")

    assert (error["category"], "TRY_CAST" in error["todo"]) == ("invalid", True)
    assert analyst.refused("SELECT CAST(city AS INT) FROM lake.wmf.pageview_hourly")["category"] == "forbidden"


@pytest.mark.parametrize("header", [{"X-Trino-User": "admin"}, {"doAs": "admin"}, {"X-Forwarded-User": "admin"}])
def test_a_header_makes_nobody_else_of_the_caller(analyst: Person, header: dict[str, str]) -> None:
    """B49."""
    with analyst.client() as client:
        response = client.post(
            "/v1/queries?doAs=admin", json={"statement": "SELECT * FROM lake.private.secret"}, headers=header
        )

    assert response.json()["error"]["category"] == "unknown-name"


def test_queries_that_read_no_source_wait_for_places_too(make_gateway: Callable[..., Gateway]) -> None:
    """Each has a combiner with memory of its own: without a limit one person's hundred would take all there is."""
    swap = make_gateway(waiting_per_person=1, seconds=20)
    ann, bob = swap.person("ann", "analysts"), swap.person("bob", "analysts")
    bomb = "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r) SELECT count(*) FROM r"
    running = [ann.start(bomb), ann.start(bomb)]
    for query_id in running:
        ann.until(query_id, lambda state: state["state"] == "running")
    waiting = ann.start("SELECT 1 AS x")

    assert ann.until(waiting, lambda state: "Waiting" in state["headline"])["note"].startswith(
        "SWAP runs 8 queries without a source at a time"
    )
    assert ann.refused("SELECT 2 AS x")["extra"]["setting"] == "limits.waiting_per_person"
    assert bob.rows("SELECT 1 AS x") == [(1,)]
    with ann.client() as client:
        for query_id in running:
            client.delete(f"/v1/queries/{query_id}")
    assert ann.ended(waiting)["state"] == "done"


def test_one_persons_waiting_requests_leave_threads_for_the_others(make_gateway: Callable[..., Gateway]) -> None:
    swap = make_gateway()
    ann, bob = swap.person("ann", "analysts"), swap.person("bob", "analysts")
    gate = swap.lake.behaviour.gate = threading.Event()
    query_id = ann.start("SELECT n FROM lake.big.numbers LIMIT 1")
    # The last there is to tell before the gate: an older revision would be answered at once.
    revision = ann.until(query_id, lambda state: state["columns"] is not None)["revision"]
    token = ann.token()

    def poll(_: int) -> int:
        response = httpx.get(
            f"{swap.url}/v1/queries/{query_id}",
            params={"after": revision},
            headers={"authorization": f"Bearer {token}"},
            timeout=60,
            trust_env=False,
            verify=NO_TLS,
        )
        return response.status_code

    with ThreadPoolExecutor(300) as pool:
        answers = [pool.submit(poll, number) for number in range(300)]
        assert next(as_completed(answers)).result() == 413, "as many wait as may"
        began = time.monotonic()
        assert bob.rows("SELECT 1 AS x") == [(1,)]
        seconds = time.monotonic() - began
        gate.set()
        statuses = Counter(answer.result() for answer in answers)

    assert seconds < 5, "one person's polls kept another waiting"
    assert set(statuses) == {200, 413}
    assert statuses[200] >= 64


def test_half_a_character_in_a_statement_is_refused_and_recorded(shared: Gateway, analyst: Person) -> None:
    events = len(shared.audit("query-refused"))
    with analyst.client() as client:
        response = client.post(
            "/v1/queries", content=b'{"statement": "SELECT \'\\ud800\'"}', headers={"content-type": "application/json"}
        )

    assert (response.status_code, response.json()["error"]["title"]) == (
        400,
        "The statement contains half a character.",
    )
    assert len(shared.audit("query-refused")) == events + 1
