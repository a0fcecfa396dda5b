"""The process that reads PostgreSQL: however it or its gateway ends, the server stops working and nobody gets half."""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from pathlib import Path

import pyarrow as pa
import pytest

from conformance.subjects import PATIENCE_SECONDS, SCHEMA, SOMEBODY, Postgres
from conformance.test_connector import Reading, eventually
from reading import batches as batches_of
from swap import channel
from swap.connectors.base import Deadline, Fragment
from swap.connectors.messages import encode_fragment
from swap.connectors.process import MODULES, PROGRAM, ReaderProcess
from swap.connectors.store import StoreReader
from swap.errors import QueryCancelled, SourceFailed
from swap.forking import ForkServer


@pytest.fixture(scope="module")
def stock(postgres: Postgres) -> Postgres:
    with postgres.administrator() as conn:
        conn.execute(
            f"CREATE TABLE {SCHEMA}.items AS SELECT i AS id FROM generate_series(1, 1000) i;"
            f"CREATE VIEW {SCHEMA}.broken AS SELECT 1 / (id - 3) AS id FROM {SCHEMA}.items".encode()
        )
    return postgres


def reader(stock: Postgres, fragment: Fragment) -> StoreReader:
    return stock.connector.read(fragment, SOMEBODY, Deadline(time.monotonic() + 30))


def spare(stock: Postgres) -> int:
    return stock.connector._readers._spares[-1].pid


def test_a_process_that_crashes_leaves_no_password_and_no_row_on_disk(stock: Postgres) -> None:
    stock.connector.check()

    assert eventually(lambda: resource.prlimit(spare(stock), resource.RLIMIT_CORE) == (0, 0))


def test_a_process_that_is_killed_is_an_error_and_leaves_no_work_at_the_server(stock: Postgres) -> None:
    with stock.held("items"):
        reading = Reading(reader(stock, stock.fragment("items", query_id="murdered")))
        assert eventually(lambda: stock.works("murdered", reading.reader))

        os.kill(reading.reader.pid, signal.SIGKILL)
        reading.join(PATIENCE_SECONDS)

        assert isinstance(reading.error, SourceFailed)
        assert "ended by signal 9" in str(reading.error)
        # It waits for a lock and would not notice, were it not told to look every other second.
        assert eventually(lambda: not stock.works("murdered", reading.reader), 10)


def test_a_process_whose_gateway_is_gone_cancels_at_the_server_and_ends(stock: Postgres) -> None:
    server = ForkServer(PROGRAM)
    process = ReaderProcess(server, MODULES.index(stock.connector.module), 10)
    fragment = stock.fragment("items", query_id="orphan")
    request = stock.connector.order("read", "orphan", time.monotonic() + 30, SOMEBODY)
    with stock.held("items"), Path(os.devnull).open("wb") as sink:
        channel.send(process._control, request | {"fragment": encode_fragment(fragment), "names": []}, [sink.fileno()])
        assert eventually(lambda: stock.works("orphan", None), 10)

        # What the kernel does with a socket whose process has died.
        process._control.shutdown(socket.SHUT_RDWR)

        assert process._forked.wait(10)
        assert eventually(lambda: not stock.works("orphan", None), 1.2)
    assert process.end() == 0
    server.close()


def test_a_process_that_does_not_cancel_in_time_is_killed(stock: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    stock.connector.check()
    stock.connector._readers._spares[-1]._grace_seconds = 0.2
    with stock.held("items"):
        reading = Reading(reader(stock, stock.fragment("items", query_id="stiff")))
        assert eventually(lambda: stock.works("stiff", reading.reader))
        pid = reading.reader.pid
        os.kill(pid, signal.SIGSTOP)

        reading.reader.cancel()
        reading.join(PATIENCE_SECONDS)

        assert isinstance(reading.error, QueryCancelled)
        assert not Path(f"/proc/{pid}").exists()


def test_one_process_answers_one_read_after_the_other_also_after_an_error_of_the_source(stock: Postgres) -> None:
    stock.connector.check()
    first = spare(stock)

    for _ in range(2):
        assert sum(batch.num_rows for batch in batches_of(reader(stock, stock.fragment("items")))) == 1000
    with pytest.raises(SourceFailed, match="division by zero"):
        list(batches_of(reader(stock, stock.fragment("broken"))))

    assert spare(stock) == first


def test_rows_that_nobody_reads_any_more_end_the_read_and_not_the_process(stock: Postgres) -> None:
    stock.connector.check()
    first = spare(stock)
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        assert reader(stock, stock.fragment("items")).send(theirs, lambda _: None) is None
    finally:
        os.close(theirs)

    assert spare(stock) == first


def test_columns_are_sent_under_the_names_asked_for(stock: Postgres, tmp_path: Path) -> None:
    with (tmp_path / "rows").open("w+b") as file:
        rows = reader(stock, stock.fragment("items")).send(file.fileno(), lambda _: None, ["c0"])
        file.seek(0)
        table = pa.ipc.open_stream(file).read_all()

    assert (rows, table.num_rows, table.column_names) == (1000, 1000, ["c0"])


def test_the_password_and_the_gateways_environment_are_in_neither_environment_nor_command(
    stock: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWAP_PLANTED", "secret-of-the-gateway")
    connector = stock.connect()
    connector.check()
    about = Path(f"/proc/{connector._readers._spares[-1].pid}")
    shown = (about / "environ").read_bytes() + (about / "cmdline").read_bytes()

    assert b"PATH" in shown
    assert b"secret-of-the-gateway" not in shown
    assert stock.password_file.read_bytes().strip() not in shown


def test_the_process_is_bound_by_the_system_and_does_without_pandas(stock: Postgres) -> None:
    stock.connector.check()
    about = Path(f"/proc/{spare(stock)}")

    bound = next(line.split()[-3:-1] for line in (about / "limits").read_text().splitlines() if "address space" in line)
    assert bound == [str(4 * 2**30)] * 2
    assert "/pyarrow/" in (about / "maps").read_text()
    assert "/pandas/" not in (about / "maps").read_text()


def test_the_fork_server_has_one_thread_one_socket_and_no_connection(stock: Postgres) -> None:
    assert sum(batch.num_rows for batch in batches_of(reader(stock, stock.fragment("items")))) == 1000

    about = Path(f"/proc/{stock.connector._readers._server.pid}")
    opened = [str(entry.readlink()) for entry in (about / "fd").iterdir()]

    assert len(list((about / "task").iterdir())) == 1
    assert sum(each.startswith("socket:") for each in opened) == 1


def test_a_fork_server_that_was_killed_is_replaced(stock: Postgres) -> None:
    connector = stock.connect()
    connector.check()
    before = connector._readers._server.pid
    os.kill(before, signal.SIGKILL)
    held = [connector._readers.take() for _ in range(2)]
    try:
        assert connector._readers._server.pid not in {None, before}
    finally:
        for process in held:
            process.end()
