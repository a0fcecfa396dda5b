"""What only MariaDB has: its types, its limits, and what a server must not be able to make us do."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import signal
import struct
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

import services
from conformance.proxy import unanswered_port
from conformance.subjects import SCHEMA, SOMEBODY, Mysql
from conformance.test_connector import Reading, eventually
from reading import batches as batches_of
from swap.connectors.base import Comparison, Deadline, Predicate, Progress
from swap.errors import QueryTimedOut, SourceFailed, SourceUnavailable

ZONE = ZoneInfo("UTC")
TYPES = {
    "tiny": ("TINYINT", pa.int8(), ["-128", "127"], [-128, 127]),
    "truth": ("TINYINT(1)", pa.int8(), ["0", "7"], [0, 7]),
    "unsigned_tiny": ("TINYINT UNSIGNED", pa.uint8(), ["0", "255"], [0, 255]),
    "unsigned_small": ("SMALLINT UNSIGNED", pa.uint16(), ["0", "65535"], [0, 65535]),
    "medium": ("MEDIUMINT", pa.int32(), ["-8388608", "8388607"], [-8388608, 8388607]),
    "filled": ("INT(10) UNSIGNED ZEROFILL", pa.uint32(), ["7", "4294967295"], [7, 4294967295]),
    "unsigned_big": ("BIGINT UNSIGNED", pa.uint64(), ["0", "18446744073709551615"], [0, 2**64 - 1]),
    "digits": ("DECIMAL(38,30)", pa.decimal128(38, 30), ["0.000000000000000000000000000001", "-99999999.5"],
               [Decimal("1E-30"), Decimal("-99999999.500000000000000000000000000000")]),
    "filled_digits": ("DECIMAL(9,2) ZEROFILL", pa.decimal128(9, 2), ["1.5", "0"], [Decimal("1.50"), Decimal("0.00")]),
    "wide": ("DECIMAL(65,30)", pa.string(), ["12345678901234567890123456789012345.000000000000000000000000000001", "-1"],
             ["12345678901234567890123456789012345.000000000000000000000000000001",
              "-1.000000000000000000000000000000"]),
    "single": ("FLOAT", pa.float32(), ["1e-45", "16777217"], [1.401298464324817e-45, 16777216.0]),
    "span": ("TIME(6)", pa.duration("us"), ["'-838:59:59.999999'", "'25:00:00.5'"],
             [-dt.timedelta(hours=838, minutes=59, seconds=59, microseconds=999999),
              dt.timedelta(hours=25, microseconds=500000)]),
    "short_span": ("TIME", pa.duration("us"), ["'00:00:01'", "'838:59:59'"],
                   [dt.timedelta(seconds=1), dt.timedelta(hours=838, minutes=59, seconds=59)]),
    "year": ("YEAR", pa.int16(), ["1901", "2155"], [1901, 2155]),
    "bits": ("BIT(64)", pa.uint64(), ["b'0'", "18446744073709551615"], [0, 2**64 - 1]),
    "document": ("JSON", pa.string(), ["'{\"a\": \"ä\"}'", "'[1]'"], ['{"a": "ä"}', "[1]"]),
    "choice": ("ENUM('ä','b''c')", pa.string(), ["'ä'", "2"], ["ä", "b'c"]),
    "choices": ("SET('x','y')", pa.string(), ["'x,y'", "''"], ["x,y", ""]),
    "latin": ("VARCHAR(9) CHARACTER SET latin1", pa.string(), ["'ä€'", "'ß'"], ["ä€", "ß"]),
    "wide_text": ("VARCHAR(9) CHARACTER SET utf16", pa.string(), ["'日本'", "'\U0001f600'"], ["日本", "\U0001f600"]),
    "padded": ("CHAR(9)", pa.string(), ["'a  '", "''"], ["a", ""]),
    "fixed": ("BINARY(3)", pa.binary(), ["'a'", "X'00FF00'"], [b"a\0\0", b"\0\xff\0"]),
    "place": ("POINT", pa.binary(), ["POINT(1,2)", "POINT(0,-1)"],
              [struct.pack("<BIdd", 1, 1, 1, 2), struct.pack("<BIdd", 1, 1, 0, -1)]),
    "stamp": ("TIMESTAMP", pa.timestamp("us", "UTC"), ["'1970-01-01 00:00:01'", "'2026-03-29 02:30:00'"],
              [dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=ZONE), dt.datetime(2026, 3, 29, 2, 30, tzinfo=ZONE)]),
    "name": ("VARBINARY(9)", pa.string(), ["'ä'", "'A_b'"], ["ä", "A_b"]),
    "touched": ("BINARY(14)", pa.timestamp("us"), ["'20260101000000'", "'19991231235959'"],
                [dt.datetime.fromisoformat("2026-01-01"), dt.datetime.fromisoformat("1999-12-31T23:59:59")]),
}  # fmt: skip


@pytest.fixture(scope="module")
def mysql() -> Iterator[Mysql]:
    """Return a MariaDB source that knows titles and moments among the bytes."""
    made = Mysql()
    made.connector = made.connect(text=[f"{SCHEMA}.*.name"], timestamps=["*.*.touched"])
    yield made
    made.close()


def make(mysql: Mysql, name: str, columns: str, *rows: str) -> None:
    """Make a table."""
    table = f"{SCHEMA}.{name}"
    mysql.server.run(
        "SET sql_mode = '', time_zone = '+00:00'",
        f"DROP TABLE IF EXISTS {table}",
        f"CREATE TABLE {table} ({columns})",
        *(f"INSERT INTO {table} VALUES ({row})" for row in rows),
    )
    mysql._harvested.clear()


def failure(mysql: Mysql, name: str, *wanted: str, **how: Any) -> str:
    """Return what is said when a table is read."""
    with pytest.raises(SourceFailed) as raised:
        mysql.read(mysql.fragment(name, *wanted, **how))
    return str(raised.value)


@pytest.mark.parametrize("name", TYPES)
def test_a_type_comes_back_to_the_last_digit(mysql: Mysql, name: str) -> None:
    written, type_, literals, values = TYPES[name]
    make(
        mysql,
        "one",
        f"id INT, {name} {written} NULL",
        *(f"{at}, {each}" for at, each in enumerate([*literals, "NULL"])),
    )

    found, _ = mysql.read(mysql.fragment("one"))

    assert found.schema.field(name).type == type_
    assert sorted(zip(found["id"].to_pylist(), map(repr, found[name].to_pylist()), strict=True)) == [
        (at, repr(value)) for at, value in enumerate([*values, None])
    ]


@pytest.mark.parametrize("name", [name for name in TYPES if name not in ("span", "short_span")])
def test_a_comparison_selects_the_rows_that_are_so(mysql: Mysql, name: str) -> None:
    written, _, literals, values = TYPES[name]
    make(
        mysql,
        "one",
        f"id INT, {name} {written} NULL",
        *(f"{at}, {each}" for at, each in enumerate([*literals, "NULL"])),
    )
    (column,) = mysql.columns("one", name)
    accepts = mysql.connector.capabilities.accepts

    for value in values:
        for comparison, holds in (
            (Comparison.EQ, lambda a, b: a == b),
            (Comparison.NE, lambda a, b: a != b),
            (Comparison.LT, lambda a, b: a < b),
            (Comparison.GE, lambda a, b: a >= b),
        ):
            if accepts(column, comparison, value):
                found, _ = mysql.read(mysql.fragment("one", "id", where=[Predicate(name, comparison, value)]))
                expected = [at for at, each in enumerate(values) if holds(each, value)]
                assert sorted(found["id"].to_pylist()) == expected, (comparison, value)


def test_moments_of_fourteen_digits_are_compared_to_the_microsecond(mysql: Mysql) -> None:
    make(mysql, "log", "touched BINARY(14)", "'20260101000000'", "'20260101000001'")
    moment = dt.datetime.fromisoformat("2026-01-01T00:00:00.000001")

    for comparison, rows in ((Comparison.LT, 1), (Comparison.GE, 1), (Comparison.EQ, 0), (Comparison.NE, 2)):
        found, _ = mysql.read(mysql.fragment("log", where=[Predicate("touched", comparison, moment)]))
        assert found.num_rows == rows, comparison


def test_an_index_does_not_change_what_a_comparison_means(mysql: Mysql) -> None:
    columns = {
        "title": "VARCHAR(9) COLLATE utf8mb4_general_ci",
        "at": "DATETIME",
        "f": "FLOAT",
        "tiny": "TINYINT",
        "raw": "VARBINARY(2)",
    }
    make(
        mysql,
        "indexed",
        "id INT PRIMARY KEY, " + ", ".join(f"{name} {type_}, KEY({name})" for name, type_ in columns.items()),
        *(
            f"{at}, '{title}', '2026-01-01 00:00:0{at}', 0.{at}, {at + 124}, 'a{title}'"
            for at, title in enumerate(["a", "A", "b", "B"])
        ),
    )
    between = dt.datetime.fromisoformat("2026-01-01T00:00:01.000001")

    for name, comparison, value, expected in (
        ("title", Comparison.EQ, "A", [1]),
        ("title", Comparison.IN, ("a", "B", "A "), [0, 3]),
        ("title", Comparison.LT, "a", [1, 3]),
        ("at", Comparison.LT, between, [0, 1]),
        ("at", Comparison.LE, between, [0, 1]),
        ("at", Comparison.GT, between, [2, 3]),
        ("at", Comparison.GE, between, [2, 3]),
        ("at", Comparison.EQ, between, []),
        ("at", Comparison.NE, between, [0, 1, 2, 3]),
        ("at", Comparison.IN, (between, between.replace(microsecond=0)), [1]),
        ("f", Comparison.EQ, 0.10000000149011612, [1]),
        ("f", Comparison.LT, 0.30000001192092896, [0, 1, 2]),
        ("tiny", Comparison.EQ, 300, []),
        ("tiny", Comparison.IN, (127, 128), [3]),
        ("tiny", Comparison.LT, 300, [0, 1, 2, 3]),
        ("tiny", Comparison.GE, 128, []),
        ("tiny", Comparison.GT, -300, [0, 1, 2, 3]),
        ("raw", Comparison.EQ, b"aaa", []),
        ("raw", Comparison.EQ, b"aA", [1]),
        ("raw", Comparison.LT, b"aaa", [0, 1, 3]),
        ("raw", Comparison.GE, b"aaa", [2]),
    ):
        found, _ = mysql.read(mysql.fragment("indexed", "id", where=[Predicate(name, comparison, value)]))
        assert sorted(found["id"].to_pylist()) == expected, (name, comparison, value)


@pytest.mark.parametrize(
    ("type_", "value"), [("DATE", "'0000-00-00'"), ("DATETIME", "'2026-00-01'"), ("TIMESTAMP", "0")]
)
def test_a_date_that_does_not_exist_is_an_error_that_names_the_column(mysql: Mysql, type_: str, value: str) -> None:
    make(mysql, "dates", f"id INT, day {type_} NULL", "1, '2026-01-01'", f"2, {value}", "3, NULL")

    said = failure(mysql, "dates")

    assert "The column day of conformance.dates holds a date that does not exist" in said
    assert "row 2 of the answer" in said
    found, _ = mysql.read(mysql.fragment("dates", "id", where=[Predicate("day", Comparison.IS_NULL)]))
    assert found["id"].to_pylist() == [3]


def test_bytes_that_are_not_what_the_settings_say_are_an_error_that_names_the_column(mysql: Mysql) -> None:
    make(mysql, "lies", "id INT, name VARBINARY(9), touched BINARY(14)", "1, X'C3', 'infinity'")

    assert "The column name of conformance.lies holds text that is not UTF-8, first in row 1" in failure(
        mysql, "lies", "name"
    )
    assert "The column touched of conformance.lies holds something that is no moment" in failure(
        mysql, "lies", "touched"
    )


def test_rows_larger_than_a_packet_come_whole(mysql: Mysql) -> None:
    mysql.server.run("SET GLOBAL max_allowed_packet = 67108864")
    sizes = [1, 2**24 - 5, 2**24 - 1, 2**24, 2**25 + 7, 3]
    make(mysql, "large", "id INT, name LONGTEXT, after INT")
    for at, size in enumerate(sizes):
        mysql.server.run(f"INSERT INTO {SCHEMA}.large SELECT {at}, CONCAT(REPEAT('x', {size - 1}), 'y'), {at}")

    found, _ = mysql.read(mysql.fragment("large"))

    assert [len(each) for each in found["name"].to_pylist()] == sizes
    assert all(each.endswith("y") for each in found["name"].to_pylist())
    assert found["id"].to_pylist() == found["after"].to_pylist() == list(range(len(sizes)))


def test_a_harvest_tells_comments_marks_and_only_the_databases_asked_for(mysql: Mysql) -> None:
    mysql.server.run(
        "CREATE DATABASE IF NOT EXISTS hidden",
        "CREATE TABLE IF NOT EXISTS hidden.one (id INT)",
        f"GRANT SELECT ON hidden.* TO {mysql.account}@'127.0.0.1'",
        f"CREATE OR REPLACE TABLE {SCHEMA}.people (id INT, mail TEXT COMMENT 'Where. [sensitivity: personal]')"
        " COMMENT 'Who.'",
        f"CREATE OR REPLACE VIEW {SCHEMA}.seen AS SELECT id FROM {SCHEMA}.people",
    )
    connector = mysql.connect(databases=["conf*"])

    found = {(each.schema, each.name): each for piece in connector.harvest() for each in piece}

    assert {schema for schema, _ in found} == {SCHEMA}
    people = found[SCHEMA, "people"]
    assert people.comment == "Who."
    assert [(each.comment, each.sensitivity) for each in people.columns] == [("", ""), ("Where.", "personal")]
    assert (found[SCHEMA, "seen"].comment, found[SCHEMA, "seen"].row_estimate) == ("", None)


NEWEST = {
    "edits": ("rev_at BINARY(14), KEY (rev_at)", "('20261122053059'), ('20251122053059')", "2026-11-22 05:30"),
    "logged": ("at DATETIME(6), KEY (at)", "('2026-11-22 05:30:59.5'), (NULL)", "2026-11-22 05:30"),
    "dated": ("day DATE PRIMARY KEY", "('2026-11-21'), ('2026-11-22')", "2026-11-22"),
    # To find it, the whole table would have to be read.
    "unindexed": ("at DATETIME", "('2026-11-22')", ""),
    "second_key": ("id INT, at DATETIME, KEY (id, at)", "(1, '2026-11-22')", ""),
    "endless": ("rev_at BINARY(14), KEY (rev_at)", "('20261122053059'), ('infinity')", ""),
    "zeros": ("at DATETIME, KEY (at)", "('0000-00-00')", ""),
    "empty": ("at DATETIME, KEY (at)", "", ""),
    "unnamed": ("added DATETIME, KEY (added)", "('2026-11-22')", ""),
    "numbers": ("at INT, KEY (at)", "(20261122)", ""),
}


def test_up_to_when_a_tables_data_goes_is_what_an_index_tells_of_the_column_that_is_named(mysql: Mysql) -> None:
    for name, (columns, rows, _) in NEWEST.items():
        mysql.server.run(f"CREATE OR REPLACE TABLE {SCHEMA}.{name} ({columns})")
        if rows:
            mysql.server.run("SET sql_mode = ''", f"INSERT INTO {SCHEMA}.{name} VALUES {rows}")
    settings = {"timestamps": ["*.*.rev_at"], "newest": [f"{SCHEMA}.*.{each}" for each in ("rev_at", "at", "day")]}

    found = {each.name: each for piece in mysql.connect(**settings).harvest() for each in piece}

    expected = {name: newest for name, (_, _, newest) in NEWEST.items()}
    assert {name: found[name].newest for name in expected} == expected
    assert (found["edits"].newest_of, found["zeros"].newest_of) == ("rev_at", "")


def test_of_a_view_it_is_told_where_swaps_account_may_explain_it(mysql: Mysql) -> None:
    mysql.server.run(
        f"CREATE OR REPLACE TABLE {SCHEMA}.viewed (at DATETIME, KEY (at))",
        f"INSERT INTO {SCHEMA}.viewed VALUES ('2026-11-22 05:30:59')",
        f"CREATE OR REPLACE VIEW {SCHEMA}.view_of_it AS SELECT at FROM {SCHEMA}.viewed",
    )

    def told() -> str:
        harvested = mysql.connect(newest=[f"{SCHEMA}.view_of_it.at"]).harvest()
        (found,) = [each for piece in harvested for each in piece if each.name == "view_of_it"]
        return found.newest

    assert told() == ""
    explains = f"SHOW VIEW ON {SCHEMA}.*"
    mysql.server.run(f"GRANT {explains} TO {mysql.account}@'127.0.0.1'")
    try:
        assert told() == "2026-11-22 05:30"
    finally:
        mysql.server.run(f"REVOKE {explains} FROM {mysql.account}@'127.0.0.1'")


def test_nothing_is_told_of_a_columns_values_where_groups_have_accounts_of_their_own(mysql: Mysql) -> None:
    mysql.server.run(
        f"CREATE OR REPLACE TABLE {SCHEMA}.shared (at DATETIME, KEY (at))",
        f"INSERT INTO {SCHEMA}.shared VALUES ('2026-11-22')",
    )
    account = {"user": mysql.account, "password": {"file": mysql.password_file}}
    named = {"newest": [f"{SCHEMA}.shared.at"]}
    for how, told in (({}, "2026-11-22 00:00"), ({"accounts": [{"group": "analysts", **account}]}, "")):
        harvested = mysql.connect(**named, **how).harvest()
        (found,) = [each for piece in harvested for each in piece if each.name == "shared"]
        assert found.newest == told


def test_a_session_can_write_nothing_and_means_the_same_everywhere(mysql: Mysql) -> None:
    make(mysql, "moment", "at TIMESTAMP", "'2026-07-01 12:00:00'")
    mysql.server.run("SET GLOBAL time_zone = '+02:00', GLOBAL sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'")
    try:
        found, reader = mysql.read(mysql.fragment("moment"))
    finally:
        mysql.server.run("SET GLOBAL time_zone = SYSTEM, GLOBAL sql_mode = DEFAULT")

    assert found["at"].to_pylist() == [dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)]
    assert reader.stats.statement.startswith("/* swap:q1 */ SELECT `at` FROM")


# ── servers that are away, slow or hostile ──────────────────────────────────────────────────────────
def test_a_server_that_is_stopped_is_an_error_at_the_deadline(mysql: Mysql) -> None:
    make(mysql, "still", "id INT", "1")
    fragment = mysql.fragment("still")
    os.kill(mysql.server.pid, signal.SIGSTOP)
    try:
        reader = mysql.connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + 1))
        with pytest.raises(QueryTimedOut):
            list(batches_of(reader))
    finally:
        os.kill(mysql.server.pid, signal.SIGCONT)

    assert mysql.read(fragment)[0].num_rows == 1


def test_a_server_that_says_nothing_is_away_within_the_connect_time_out(mysql: Mysql) -> None:
    with unanswered_port() as port, pytest.raises(SourceUnavailable, match=r"did not answer within 0\.5 s"):
        mysql.connect(port=port, connect_timeout_seconds=0.5).check()


def test_a_wrong_password_is_said_without_the_account(mysql: Mysql, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not it")

    with pytest.raises(SourceUnavailable, match="refused SWAP's account") as raised:
        mysql.connect(password={"file": wrong}).check()

    assert mysql.account not in str(raised.value)
    assert "127.0.0.1" not in str(raised.value)


def test_rights_that_reading_does_not_need_are_seen(mysql: Mysql) -> None:
    mysql.server.run(
        "CREATE OR REPLACE USER careless@'127.0.0.1' IDENTIFIED BY 'a secret'",
        f"GRANT SELECT, INSERT ON {SCHEMA}.* TO careless@'127.0.0.1'",
        "GRANT FILE, PROCESS ON *.* TO careless@'127.0.0.1'",
    )

    assert set(mysql.connect(user="careless").check().excess) == {"FILE", "INSERT"}
    assert mysql.connector.check().excess == ()


def test_a_socket_of_this_machine_is_a_host_too(mysql: Mysql) -> None:
    mysql.server.run(
        f"CREATE USER IF NOT EXISTS {mysql.account}@localhost IDENTIFIED BY 'a secret'",
    )

    mysql.connect(host=str(mysql.server.socket)).check()


@pytest.fixture
def readable() -> Iterator[Path]:
    """A directory that the server's user may enter."""
    made = services.temporary_directory()
    yield made
    shutil.rmtree(made)


def test_a_server_is_asked_over_tls_when_its_certificate_and_its_name_are_right(mysql: Mysql, readable: Path) -> None:
    ours, other = services.certificate(readable, "localhost"), services.certificate(readable, "elsewhere")
    for _, key in (ours, other):
        key.chmod(0o644)
    for shown, trusted, said in (
        (ours, ours, ""),
        (ours, other, "has a certificate that is not trusted"),
        (other, other, "has a certificate that is not trusted: Hostname mismatch"),
    ):
        server = services.MariaDB(f"--ssl-cert={shown[0]}", f"--ssl-key={shown[1]}")
        try:
            server.run(f"CREATE USER {mysql.account}@'127.0.0.1' IDENTIFIED BY 'a secret' REQUIRE SSL")
            connector = mysql.connect(host="localhost", port=server.port, tls="verify-full", ca=trusted[0])
            with pytest.raises(SourceUnavailable, match=said) if said else contextlib.nullcontext():
                ends = connector.check().certificate_ends
                assert ends is not None
                assert ends > dt.datetime.now(dt.UTC)
        finally:
            server.close()


def test_a_server_that_stops_talking_in_the_middle_is_an_error_at_the_deadline(mysql: Mysql) -> None:
    make(mysql, "silent", "id INT", "1")
    fragment = mysql.fragment("silent", query_id="stalled")
    with mysql.held("silent"):
        reading = Reading(mysql.connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + 5)))
        assert eventually(lambda: mysql.works("stalled", reading.reader))
        mysql.proxy.blackhole()
        reading.join(20)
        mysql.proxy.heal()
        assert isinstance(reading.error, QueryTimedOut)
        # Nobody could tell the server to end it: it does so itself, at the time it was given.
        assert eventually(lambda: not mysql.works("stalled", reading.reader), 5)


def test_what_a_killed_reader_left_is_ended_by_whoever_knows_its_number(mysql: Mysql) -> None:
    make(mysql, "left_over", "id INT", "1")
    fragment = mysql.fragment("left_over", query_id="left")
    told: list[Progress] = []
    with mysql.held("left_over"):
        reader = mysql.connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + 60), told.append)
        reading = Reading(reader)
        assert eventually(lambda: mysql.works("left", reader))
        (handle,) = [each.handle for each in told if each.handle is not None]
        assert reader.pid is not None
        os.kill(reader.pid, signal.SIGKILL)
        reading.join(10)
        other = mysql.connect()

        # Its number may be somebody else's by now: then nothing ends.
        assert not other.end(handle, "another")
        assert not other.end({**handle, "user": "another"}, "left")
        assert not other.end({**handle, "server": "another"}, "left")
        assert not other.end({**handle, "number": handle["number"] + 1000}, "left")
        assert mysql.works("left", reader)

        assert other.end(handle, "left")
        assert eventually(lambda: not mysql.works("left", reader))
        assert not other.end(handle, "left")
