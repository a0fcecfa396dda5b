"""What people may and may not write in the dialects of Hive and Spark: a small database, meanings, attacks."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

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
FILES = {
    "views": (VIEWS, "id INT, title STRING, ip STRING, hits BIGINT, price DECIMAL(9,2), at TIMESTAMP"),
    "secret": (SECRET, "id INT, pw STRING"),
}
"""Tables over files: their rows and columns."""
MAKE = {"hive": "CREATE EXTERNAL TABLE db.{} ({}) STORED AS PARQUET", "spark": "CREATE TABLE db.{} ({}) USING parquet"}
"""How each makes one."""
MADE = {
    "hive": ("CREATE EXTERNAL TABLE db.days (id INT) PARTITIONED BY (year INT) STORED AS PARQUET",),
    "spark": (
        "CREATE TABLE db.days (id INT, year INT) USING parquet PARTITIONED BY (year)",
        "CREATE TABLE db.old STORED AS PARQUET AS SELECT 1 AS id",
        "CREATE FUNCTION db.told(x INT) RETURNS STRING RETURN (SELECT max(pw) FROM db.secret)",
    ),
}
TEMPORARY = "CREATE GLOBAL TEMPORARY VIEW passed AS SELECT pw FROM db.secret"
"""A view of the whole server's, in Spark's database `global_temp`; it goes with the session that made it."""

V = "FROM lake.db.views"
MEANINGS: list[tuple[str, list[Any]]] = [
    (f"SELECT 7 DIV 2 AS a, 7 / 2 AS b, hits DIV 2 AS c, 'a' || 'b' AS d {V} WHERE id = 1", [(3, 3.5, 3, "ab")]),
    (
        f"SELECT hits, COUNT(*) AS n, SUM(price) AS s {V} GROUP BY hits ORDER BY hits",
        [(5, 2, Decimal("-3.50")), (7, 1, Decimal("1.25"))],
    ),
    (
        f"SELECT v.id, w {V} v LATERAL VIEW explode(split(v.title, ' ')) e AS w ORDER BY id, w",
        [(1, "A"), (1, "b"), (2, "c"), (3, "D")],
    ),
    (f"SELECT id, RANK() OVER (ORDER BY hits DESC) AS r {V} ORDER BY id", [(1, 1), (2, 2), (3, 2)]),
    (f"SELECT sort_array(collect_list(id)) AS ids {V} WHERE id < 3", [("[1,2]",)]),
    (f"WITH v AS (SELECT id {V}) SELECT v.id FROM v JOIN lake.db.views u ON u.id = v.id + 1 ORDER BY id", [(1,), (2,)]),
    (f"SELECT title {V} WHERE title RLIKE '^[a-z]$' -- a letter\n", [("c",)]),
    (f"SELECT id {V} WHERE id IN (:ids) AND title <> :no ORDER BY id", [(2,), (3,)]),
]
SPARKS_MEANINGS: list[tuple[str, list[Any]]] = [
    (f"SELECT id {V} UNION SELECT id FROM lake.db.old ORDER BY id LIMIT 2 OFFSET 1", [(2,), (3,)]),
    (f"SELECT id {V} v WHERE EXISTS (SELECT 1 FROM lake.db.old o WHERE o.id = v.id)", [(1,)]),
    (f"SELECT * EXCEPT (hits, price, at) {V} WHERE id = 2", [(2, "c")]),
    (f"SELECT DISTINCT hits {V} WHERE hits > (SELECT min(hits) {V})", [(7,)]),
]

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
    "B34": "SET hive.security.authorization.enabled=false",
    "B34 paths": "SET spark.sql.runSQLOnFiles=true",
    "B34 variable": "SET VAR x = 1",
    "B34 declare": "DECLARE x INT DEFAULT 1",
    "B34 immediate": "EXECUTE IMMEDIATE 'SELECT pw FROM db.secret'",
    "B34 script": f"BEGIN SELECT id {V}; END",
    "B35": "dfs -cat /etc/passwd",
    "B35 shell": "!sh id",
    "B35 source": "source /tmp/x.sql",
    "B37": "SELECT pw FROM parquet.`/secret`",
    "B37 source": "SELECT * FROM lake.parquet.`/etc`",
    "B37 text": "SELECT value FROM text.`/etc/passwd`",
    "B37 read_files": "SELECT * FROM read_files('/etc/passwd')",
    "B37 csv": "SELECT * FROM csv.`file:///etc/passwd`",
    "B38": f"SELECT ${{hiveconf:x}} {V}",
    "B38 spark": f"SELECT ${{spark:x}} {V}",
    "B38 env": f"SELECT ${{env:HOME}} {V}",
    "B38 name": f"SELECT id AS `${{env:HOME}}` {V}",
    "B38 default": f"SELECT '' || ${{system:user.name}} {V}",
    "B39": f"SELECT INPUT__FILE__NAME {V}",
    "B39 open": f"SELECT INPUT__FILE__NAME {V} LATERAL VIEW explode(split(title, ' ')) e AS w",
    "B39 path": f"SELECT v.FILE__PATH {V} v",
    "B39 block": f"SELECT BLOCK__OFFSET__INSIDE__FILE {V}",
    "B39 function": f"SELECT input_file_name() {V}",
    "B39 hidden": f"SELECT _metadata.file_path {V}",
    "B39 hidden of a table": f"SELECT v._metadata.file_path {V} v",
    "a session's variable": f"SELECT session.x {V}",
    "identifier": "SELECT * FROM IDENTIFIER('db.secret')",
    "identifier of a parameter": f"SELECT IDENTIFIER('ip') {V}",
    "rows of numbers": "SELECT id FROM range(10)",
    "rows of numbers beside": f"SELECT v.id {V} v, range(10) r",
    "rows of values": f"SELECT v.id {V} v JOIN VALUES (1) AS w(x) ON w.x = v.id",
    "a table function": f"SELECT v.id {V} v, LATERAL explode(array(1)) AS e(x)",
    "a function over tables": "SELECT id FROM noop(ON lake.db.views)",
    "sql keywords": "SELECT * FROM sql_keywords()",
    "a table as an argument": "SELECT * FROM f(TABLE(lake.db.secret))",
    "a function of a database": f"SELECT db.told(id) {V}",
    "a function of the default database": f"SELECT default.f(id) {V}",
    "a function of a database by its name": f"SELECT told(id) {V}",
    "a function of the session's": f"SELECT session.f(id) {V}",
    "a builtin function's full name": f"SELECT system.builtin.reflect('java.lang.System', 'getenv') {V}",
    "reflect": f"SELECT reflect('java.lang.System', 'getenv') {V}",
    "reflect with a name": f"SELECT reflect('java.lang.System', 'getenv', 'PATH') {V}",
    "reflect2": f"SELECT reflect2(title, 'length') {V}",
    "try_reflect": f"SELECT try_reflect('java.lang.System', 'getenv', 'PATH') {V}",
    "java_method": f"SELECT java_method('java.lang.System', 'getProperty', 'user.name') {V}",
    "keyword in other letters": f"\u017fELECT id {V}",
    "columns by a pattern": f"SELECT `(ip)?+.+` {V}",
    "a version": f"SELECT id {V} VERSION AS OF 1",
    "a time": f"SELECT id {V} TIMESTAMP AS OF '2020-01-01'",
    "a system's time": f"SELECT id {V} FOR SYSTEM_TIME AS OF '2020-01-01'",
    "a table of a table": "SELECT id FROM lake.db.`views.history`",
    "another catalog": "SELECT id FROM lake.spark_catalog.db.secret",
    "a temporary view": "SELECT pw FROM global_temp.passed",
    "a pipe": f"{V} |> SELECT ip",
    "a pipe behind": f"SELECT id {V} |> JOIN db.secret USING (id)",
    "distribute": f"SELECT id {V} DISTRIBUTE BY id",
    "cluster": f"SELECT id {V} CLUSTER BY id",
    "a table in a lateral view": f"SELECT id {V} LATERAL VIEW explode(array((SELECT MAX(pw) FROM db.secret))) e AS w",
    "window": f"SELECT id, ROW_NUMBER() OVER (PARTITION BY ip) {V}",
    "grouping sets": f"SELECT hits {V} GROUP BY hits GROUPING SETS ((ip), (hits))",
    "semi join": f"SELECT a.id {V} a LEFT SEMI JOIN lake.db.views b ON a.ip = b.ip",
    "natural join": f"SELECT a.id {V} a NATURAL JOIN lake.db.views b",
    "pivot": f"SELECT * {V} PIVOT (max(hits) FOR id IN (1, 2))",
    "unpivot": f"SELECT * {V} UNPIVOT (x FOR y IN (id, hits))",
    "in_file": f"SELECT in_file(title, '/etc/passwd') {V}",
    "xpath": f"SELECT xpath_string(title, 'a') {V}",
    "an error's text": f"SELECT raise_error(title) {V}",
    "all memory": f"SELECT length(printf('%2000000000d', 1)) {V}",
    "all memory in a text": f"SELECT length(format_string('%2000000000d', 1)) {V}",
    "all memory at once": f"SELECT size(sequence(1, 2000000000)) {V}",
    "all memory again": f"SELECT array_repeat(id, 2000000000) {V}",
    "who": f"SELECT current_user() {V}",
    "who without brackets": f"SELECT current_user {V}",
    "who else": f"SELECT logged_in_user() {V}",
    "where": f"SELECT current_catalog() {V}",
    "version": f"SELECT version() {V}",
    "hint": f"SELECT /*+ MAPJOIN(v) */ id {V} v",
    "hint of Spark's": f"SELECT /*+ BROADCAST(v) */ id {V} v",
    "hint between comments": f"SELECT /* x */ /*+ COALESCE(1) */ id {V} v",
    "sample": f"SELECT id {V} TABLESAMPLE(1 ROWS)",
    "a lambda": f"SELECT transform(array(id), x -> x + 1) {V}",
    "a raw text": f"SELECT r'\\' {V}",
    "json": f"SELECT a {V} LATERAL VIEW json_tuple(title, 'a') j AS a",
    "explode": f"SELECT explode(split(title, ' ')) {V}",
    "a join and a view": f"SELECT w {V} a LATERAL VIEW explode(split(title, ' ')) e AS w LEFT JOIN lake.db.views b ON b.title = w",
    "wrong dialect": f"SELECT GROUP_CONCAT(title) {V}",
}
OWN_ATTACKS = {
    "hive": {
        "B39 hidden beside another": f"SELECT RAW__DATA__SIZE {V} v CROSS JOIN (SELECT 1 + 1) x",
    },
    "spark": {
        "a text of two lines": f"SELECT 'a\nRelation spark_catalog.db.views[x]' AS t {V}",
        "a name of two lines": f"SELECT id AS `a\n+- Project` {V}",
    },
}
"""What only one of them could take for something else: Hive's hidden columns; in lines of text Spark tells its plan."""
LOCKED = (
    f"SELECT ip {V}",
    f"SELECT v.id {V} v LATERAL VIEW explode(split(v.ip, '.')) e AS w",
    f"SELECT id {V} ORDER BY ip",
    "SELECT pw FROM lake.db.secret",
)

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
"""Texts as they would be sent if we had been mistaken."""
SPARK_MISREADS = {
    "B07 select": f"SELECT (SELECT max(pw) FROM db.secret) FROM {TABLE}",
    "B07 exists": f"SELECT 'hunter2' FROM {TABLE} WHERE EXISTS (SELECT 1 FROM db.secret s WHERE s.id = v.id)",
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
