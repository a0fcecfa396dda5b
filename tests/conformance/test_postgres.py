"""What only PostgreSQL can show: its own types and accounts, its log, and a network that breaks."""

from __future__ import annotations

import socket
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from conformance.proxy import unanswered_port
from conformance.subjects import PATIENCE_SECONDS, SCHEMA, SOMEBODY, Postgres
from conformance.test_connector import Reading, eventually
from reading import batches as batches_of
from swap.connectors.base import Column, Comparison, Deadline, Fragment, Predicate
from swap.connectors.postgres.wire import Link
from swap.errors import QueryCancelled, SourceFailed, SourceUnavailable

CREATED = f"""
    CREATE TYPE {SCHEMA}.mood AS ENUM ('calm', 'o''brien');
    CREATE TYPE {SCHEMA}.pair AS (a int, b text);
    CREATE DOMAIN {SCHEMA}.amount AS numeric(9, 2);
    CREATE TABLE {SCHEMA}.odd (
        id int, padded char(6), short varchar(5), ident uuid, doc json, docb jsonb, mood {SCHEMA}.mood, pair {SCHEMA}.pair, amount {SCHEMA}.amount,
        free numeric, oid oid, gap interval, clock timetz, net inet, idents uuid[], span int4range, "Séle""ct x" text, bits bit(3));
    INSERT INTO {SCHEMA}.odd VALUES
        (1, 'ab', 'ä', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{{"b": 1, "a": 1.10}}', '{{"b": 1, "a": 1.10}}', 'o''brien', (1, 'x, "y"'), 1.5,
         12345678901234567890.0123456789, 4294967295, '1 day 02:00', '10:00+02', '10.0.0.1', '{{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}}', '[1,5)', 'q', '101'),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    COMMENT ON TABLE {SCHEMA}.odd IS 'Odd types';
    COMMENT ON COLUMN {SCHEMA}.odd.ident IS 'Who it was. [sensitivity: personal]';
    CREATE VIEW {SCHEMA}.odd_view AS SELECT id, padded FROM {SCHEMA}.odd;
    CREATE MATERIALIZED VIEW {SCHEMA}.odd_stored AS SELECT id FROM {SCHEMA}.odd;
    CREATE TABLE {SCHEMA}.parted (id int, day date) PARTITION BY RANGE (day);
    CREATE TABLE {SCHEMA}.parted_2026 PARTITION OF {SCHEMA}.parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    INSERT INTO {SCHEMA}.parted VALUES (1, '2026-05-05');
    CREATE TABLE {SCHEMA}.secret (id int);
    REVOKE ALL ON {SCHEMA}.secret FROM conformance_reader;
    CREATE TABLE {SCHEMA}.half (open int, closed int);
    REVOKE ALL ON {SCHEMA}.half FROM conformance_reader;
    GRANT SELECT (open) ON {SCHEMA}.half TO conformance_reader;
    INSERT INTO {SCHEMA}.half VALUES (1, 2);
    CREATE VIEW {SCHEMA}.slow AS SELECT i AS id, pg_sleep(CASE WHEN i > 5000 THEN 0.05 ELSE 0 END)::text AS waited FROM generate_series(1, 6000) i;
    CREATE VIEW {SCHEMA}.broken AS SELECT 1 / (i - 3) AS id FROM generate_series(1, 5) i;
"""


@pytest.fixture(scope="module")
def odd(postgres: Postgres) -> Postgres:
    with postgres.administrator() as conn:
        conn.execute(CREATED.encode())
    return postgres


def soon(seconds: float = 20.0) -> Deadline:
    return Deadline(time.monotonic() + seconds)


def rows_of(source: Postgres, fragment: Fragment) -> list[dict[str, Any]]:
    return [row for batch in batches_of(source.connector.read(fragment, SOMEBODY, soon())) for row in batch.to_pylist()]


# ── types ───────────────────────────────────────────────────────────────────────────────────────────
def test_types_of_postgresql_alone_arrive_as_their_text_or_exact_number(odd: Postgres) -> None:
    full, empty = rows_of(odd, odd.fragment("odd"))

    assert full == {
        "id": 1,
        "padded": "ab",
        "short": "ä",
        "ident": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "doc": '{"b": 1, "a": 1.10}',
        "docb": '{"a": 1.10, "b": 1}',
        "mood": "o'brien",
        "pair": '(1,"x, ""y""")',
        "amount": Decimal("1.50"),
        "free": Decimal("12345678901234567890.0123456789"),
        "oid": 4294967295,
        "gap": "1 day 02:00:00",
        "clock": "10:00:00+02",
        "net": "10.0.0.1/32",
        "idents": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", None],
        "span": "[1,5)",
        'Séle"ct x': "q",
        "bits": "101",
    }
    assert empty == {name: 2 if name == "id" else None for name in full}


@pytest.mark.parametrize(
    ("column", "value", "ids"),
    [
        ("padded", "ab", [1]),
        ("padded", "ab    ", []),
        ("ident", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", [1]),
        ("ident", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", []),
        ("mood", "o'brien", [1]),
        ("mood", "no such mood", []),
        ("docb", '{"a": 1.10, "b": 1}', [1]),
        ("docb", "not json", []),
        ("amount", Decimal("1.5"), [1]),
        ("oid", 4294967295, [1]),
        ("free", Decimal("12345678901234567890.0123456789"), [1]),
        ('Séle"ct x', "q", [1]),
        ("gap", "1 day 02:00:00", [1]),
    ],
)
def test_a_filter_on_them_means_what_the_result_shows(odd: Postgres, column: str, value: Any, ids: list[int]) -> None:
    found = rows_of(odd, odd.fragment("odd", "id", where=[Predicate(column, Comparison.EQ, value)]))

    assert [row["id"] for row in found] == ids


@pytest.mark.parametrize(
    ("type_", "value", "says"),
    [
        ("date", "infinity", "infinity"),
        ("date", "-infinity", "infinity"),
        ("timestamp", "infinity", "infinity"),
        ("timestamptz", "-infinity", "infinity"),
        ("numeric", "NaN", "NaN or infinity"),
        ("numeric(9,2)", "NaN", "NaN or infinity"),
        ("numeric", "1.12345678901", "cannot hold exactly"),
        ("numeric", "12345678901234567890123456789", "cannot hold exactly"),
        ("numeric(50,5)", "123456789012345678901234567890123456789012345", "cannot hold exactly"),
        ("int[]", "{{1,2},{3,4}}", "more than one dimension"),
        ("numeric[]", "{1,NaN}", "NaN or infinity"),
    ],
)
def test_a_value_without_an_exact_counterpart_is_an_error_that_names_the_column(
    postgres: Postgres, type_: str, value: str, says: str
) -> None:
    with postgres.administrator() as conn:
        conn.execute(
            f"DROP TABLE IF EXISTS {SCHEMA}.inexact; CREATE TABLE {SCHEMA}.inexact (id int, strange {type_});"
            f"INSERT INTO {SCHEMA}.inexact VALUES (1, NULL), (2, '{value}')".encode()
        )
    postgres._harvested.clear()

    with pytest.raises(SourceFailed, match="strange") as raised:
        rows_of(postgres, postgres.fragment("inexact"))

    assert says in str(raised.value)
    # The value itself may belong to a row that the person may not see.
    assert not value[0].isdigit() or value not in str(raised.value)


def test_rows_before_the_years_of_python_and_after_them_pass(postgres: Postgres) -> None:
    with postgres.administrator() as conn:
        conn.execute(
            f"CREATE TABLE {SCHEMA}.ages (at timestamp, day date);"
            f"INSERT INTO {SCHEMA}.ages VALUES ('4713-01-01 BC', '4713-01-01 BC'), ('294246-12-31', '5874897-12-31')".encode()
        )

    found, _ = postgres.read(postgres.fragment("ages"))

    with postgres.administrator() as conn:
        expected = conn.execute(
            f"SELECT (extract(epoch FROM at) * 1000000)::int8, day - date '1970-01-01' FROM {SCHEMA}.ages".encode()
        ).fetchall()
    assert (
        list(zip(found["at"].cast(pa.int64()).to_pylist(), found["day"].cast(pa.int32()).to_pylist(), strict=True))
        == expected
    )


# ── what is there ───────────────────────────────────────────────────────────────────────────────────
def test_a_harvest_finds_what_the_account_may_read_and_no_more(odd: Postgres) -> None:
    found = {dataset.name: dataset for dataset in odd.harvested()}

    assert {"odd", "odd_view", "odd_stored", "parted", "half"} <= set(found)
    assert not {"secret", "parted_2026"} & set(found)
    assert {dataset.schema for dataset in found.values()} == {SCHEMA}
    assert [column.name for column in found["half"].columns] == ["open"]
    assert found["odd"].comment == "Odd types"
    assert found["odd"].owner == "swap_admin"
    ident = next(column for column in found["odd"].columns if column.name == "ident")
    assert (ident.comment, ident.sensitivity) == ("Who it was.", "personal")


def test_many_tables_are_harvested_some_at_a_time(odd: Postgres) -> None:
    with odd.administrator() as conn:
        conn.execute(
            f"CREATE SCHEMA many; GRANT USAGE ON SCHEMA many TO {odd.account};"
            "DO $$ BEGIN FOR i IN 1..1001 LOOP EXECUTE format('CREATE TABLE many.t%s (id int, note text)', i);"
            f"END LOOP; END $$; GRANT SELECT ON ALL TABLES IN SCHEMA many TO {odd.account}".encode()
        )
    try:
        pieces = [[each.name for each in piece if each.schema == "many"] for piece in odd.connector.harvest()]
    finally:
        with odd.administrator() as conn:
            conn.execute(b"SET client_min_messages = warning; DROP SCHEMA many CASCADE")

    assert max(map(len, pieces)) <= 500
    assert sorted(name for piece in pieces for name in piece) == sorted(f"t{number}" for number in range(1, 1002))


@pytest.mark.parametrize(("name", "count"), [("odd_view", 2), ("odd_stored", 2), ("parted", 1), ("half", 1)])
def test_views_stored_views_and_parted_tables_are_read_like_tables(odd: Postgres, name: str, count: int) -> None:
    assert len(rows_of(odd, odd.fragment(name))) == count


def test_a_table_the_account_may_not_read_is_an_error_that_says_so(odd: Postgres) -> None:
    with pytest.raises(SourceFailed, match="may not read"):
        rows_of(odd, Fragment(SCHEMA, "secret", (Column("id", pa.int32()),)))


def test_a_column_that_changed_its_type_since_the_harvest_is_an_error(odd: Postgres) -> None:
    with pytest.raises(SourceFailed, match=r"The column id .* changed"):
        rows_of(odd, Fragment(SCHEMA, "odd", (Column("id", pa.float32()),)))


def test_an_error_inside_a_view_is_the_sources_error(odd: Postgres) -> None:
    with pytest.raises(SourceFailed, match="division by zero"):
        rows_of(odd, odd.fragment("broken"))


# ── what is sent ────────────────────────────────────────────────────────────────────────────────────
def test_the_servers_log_shows_the_columns_filters_and_limit_that_were_pushed_down(odd: Postgres) -> None:
    rows_of(
        odd,
        odd.fragment(
            "odd",
            "id",
            where=[Predicate("short", Comparison.EQ, "o'b\\"), Predicate("id", Comparison.IN, (1, 2))],
            limit=7,
        ),
    )

    sent = [line for line in odd.log().splitlines() if "COPY" in line][-1]
    assert sent.endswith(
        f"""statement: COPY (SELECT "id" FROM "{SCHEMA}"."odd" WHERE "short" =  E'o''b\\\\'::text """
        """AND "id" IN ('1'::bigint, '2'::bigint) LIMIT 7) TO STDOUT (FORMAT binary)"""
    )


@pytest.mark.parametrize(
    "evil",
    [
        "x'; DROP TABLE conformance.odd; --",
        "\\'; DROP TABLE conformance.odd; --",
        '"; DROP TABLE conformance.odd; --',
        "$$;",
    ],
)
def test_a_value_or_a_name_stays_a_value_or_a_name(odd: Postgres, evil: str) -> None:
    assert rows_of(odd, odd.fragment("odd", "id", where=[Predicate("short", Comparison.EQ, evil)])) == []
    for fragment in (
        Fragment(evil, "odd", (Column("id", pa.int32()),)),
        Fragment(SCHEMA, evil, (Column("id", pa.int32()),)),
        Fragment(SCHEMA, "odd", (Column(evil, pa.int32()),)),
    ):
        with pytest.raises(SourceFailed):
            rows_of(odd, fragment)

    assert len(rows_of(odd, odd.fragment("odd", "id"))) == 2


def test_the_session_is_read_only_and_named_after_the_query(odd: Postgres) -> None:
    reader = odd.connector.read(odd.fragment("slow", query_id="q7f3a"), SOMEBODY, soon())
    batches = batches_of(reader)
    reading = Reading(reader) if next(batches, None) is None else None
    assert reading is None

    with odd.administrator() as conn:
        row = conn.execute(
            "SELECT usename, query FROM pg_stat_activity WHERE application_name = 'swap:q7f3a'"
        ).fetchone()
    batches.close()

    assert row is not None
    assert row[0] == odd.account
    ours, control = socket.socketpair()
    parameters = odd.connector.request("probe", time.monotonic() + 5, None)["parameters"]
    link = Link("stock", parameters, 5, control.fileno())
    link.connect(time.monotonic() + 5)
    try:
        assert link.ask("SHOW default_transaction_read_only") == [("on",)]
        assert link.ask("SHOW statement_timeout") in ([("5s",)], [("5001ms",)])
        with pytest.raises(SourceFailed, match="read only"):
            link.ask("CREATE TEMP SEQUENCE s; SELECT nextval('pg_temp.s')")
    finally:
        link.close()
        ours.close()
        control.close()


# ── accounts and networks ───────────────────────────────────────────────────────────────────────────
def test_a_wrong_password_is_an_error_that_says_the_account_is_refused_and_no_more(
    postgres: Postgres, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("hunter2-not-it")
    connector = postgres.connect(password=wrong)

    for attempt in (
        connector.check,
        lambda: list(connector.harvest()),
        lambda: list(batches_of(connector.read(Fragment(SCHEMA, "odd", ()), SOMEBODY, soon()))),
    ):
        with pytest.raises(SourceUnavailable) as raised:
            attempt()
        told = str(raised.value) + repr(raised.value.problem)
        assert "It refused SWAP's account." in told
        assert raised.value.problem.source == "stock"
        for secret in ("hunter2", postgres.account, "127.0.0.1", str(postgres.server.port), str(postgres.proxy.port)):
            assert secret not in told


def test_a_database_that_does_not_exist_is_named_as_the_reason(postgres: Postgres) -> None:
    with pytest.raises(SourceUnavailable, match="no such database"):
        postgres.connect(database="nowhere").check()


def test_a_port_where_nobody_listens_is_down_at_once(postgres: Postgres) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    began = time.monotonic()

    with pytest.raises(SourceUnavailable, match="Nothing listens"):
        postgres.connect(port=port).check()

    assert time.monotonic() - began < PATIENCE_SECONDS / 2, "not by the connect time-out"


def test_a_port_that_drops_everything_is_down_within_the_connect_time_out(postgres: Postgres) -> None:
    with unanswered_port() as port:
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match=r"did not answer within 0\.5 s"):
            postgres.connect(port=port, seconds=0.5).check()

        assert 0.4 < time.monotonic() - began < 20


def test_a_server_that_accepts_and_stays_silent_is_down_within_the_connect_time_out(postgres: Postgres) -> None:
    postgres.proxy.blackhole()
    try:
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match=r"did not answer within 0\.5 s"):
            postgres.connect(seconds=0.5).check()
        assert time.monotonic() - began < 20
    finally:
        postgres.proxy.heal()


def test_cancelling_while_it_connects_does_not_wait_for_the_time_out(postgres: Postgres) -> None:
    with unanswered_port() as port:
        reading = Reading(postgres.connect(port=port, seconds=20).read(Fragment(SCHEMA, "odd", ()), SOMEBODY, soon()))
        time.sleep(0.2)
        reading.reader.cancel()
        reading.join(10)

    assert isinstance(reading.error, QueryCancelled)


def test_a_connection_that_is_cut_is_an_error_not_a_short_result(odd: Postgres) -> None:
    reading = Reading(odd.connector.read(odd.fragment("slow", query_id="cut"), SOMEBODY, soon()))
    assert eventually(lambda: odd.works("cut", reading.reader))

    odd.proxy.cut()
    reading.join(PATIENCE_SECONDS)

    assert isinstance(reading.error, SourceUnavailable)
    assert "lost" in str(reading.error)


def test_a_backend_that_an_administrator_ends_is_an_error_that_names_the_source(odd: Postgres) -> None:
    reading = Reading(odd.connector.read(odd.fragment("slow", query_id="ended"), SOMEBODY, soon()))
    assert eventually(lambda: odd.works("ended", reading.reader))

    with odd.administrator() as conn:
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'swap:ended'")
    reading.join(PATIENCE_SECONDS)

    assert isinstance(reading.error, SourceUnavailable)
    assert "stock" in str(reading.error)


def test_rows_arrive_while_the_source_still_works(odd: Postgres) -> None:
    reader = odd.connector.read(odd.fragment("slow", query_id="early"), SOMEBODY, soon())
    batches = batches_of(reader)
    began = time.monotonic()

    first = next(batches)

    assert first.num_rows > 0
    assert time.monotonic() - began < 20
    assert odd.works("early", reader)
    batches.close()


def test_closing_the_connector_cancels_what_runs(odd: Postgres) -> None:
    connector = odd.connect()
    reading = Reading(connector.read(odd.fragment("slow", query_id="gone"), SOMEBODY, soon()))
    assert eventually(lambda: odd.works("gone", reading.reader))

    connector.close()
    reading.join(PATIENCE_SECONDS)

    assert isinstance(reading.error, QueryCancelled)
    assert eventually(lambda: not odd.works("gone", reading.reader))


def test_a_host_may_be_a_name_with_more_than_one_address(postgres: Postgres) -> None:
    postgres.connect(host="localhost", port=postgres.server.port).check()


def test_a_host_name_that_leads_nowhere_is_the_reason(postgres: Postgres) -> None:
    with pytest.raises(SourceUnavailable, match=r"host name leads nowhere|did not answer within"):
        postgres.connect(host="nowhere.invalid", seconds=1.0).check()


def test_a_password_file_that_is_missing_is_a_source_that_does_not_answer(postgres: Postgres, tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="cannot read the password") as raised:
        postgres.connect(password=tmp_path / "missing").check()

    assert str(tmp_path) not in str(raised.value)
