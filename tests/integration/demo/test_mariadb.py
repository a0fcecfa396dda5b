"""The demo's wikis in a real MariaDB: the same values as in PostgreSQL, for an account that may do nothing else."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from services import temporary_directory
from swap import child, ports
from swap.demo import mariadb_wikis, mediawiki, world
from swap.demo.mariadb_server import MariadbServer, secret_path


@pytest.fixture(scope="module")
def server() -> Iterator[MariadbServer]:
    state = temporary_directory()
    made = MariadbServer(state, ports.free(1)[0])
    try:
        command = made.command()
        with (state / "mariadb.log").open("ab") as log:
            process = child.start(command, log=log, env={}, cwd=state)
        try:
            _wait(made, process, state / "mariadb.log")
            mariadb_wikis.ensure(made)
            yield made
        finally:
            child.stop(process, signal.SIGTERM, 20.0)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _wait(server: MariadbServer, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + 60
    while not ports.answers(server.port):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < ends, log.read_text()
        time.sleep(0.05)


def ask(server: MariadbServer, statement: str) -> list[list[str]]:
    return [line.split("\t") for line in server.execute([statement]).splitlines()]


def as_reader(server: MariadbServer, statement: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [
            "mariadb",
            "--no-defaults",
            "--host=127.0.0.1",
            f"--port={server.port}",
            f"--user={mediawiki.READER}",
            "--batch",
            "--skip-column-names",
            f"--execute={statement}",
        ],
        env={"MYSQL_PWD": server.password(mediawiki.READER), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("database", world.SIZES)
def test_every_table_has_the_rows_and_sums_of_the_invented_world(server: MariadbServer, database: str) -> None:
    for name, rows in world.wiki(database).tables.items():
        numbers = [column.name for column in rows.schema if pa.types.is_integer(column.type)]
        sums = ", ".join(f"sum(`{column}`)" for column in numbers)
        (found,) = ask(server, f"SELECT count(*), {sums} FROM `{database}`.`{name}`")
        assert found == [str(len(rows)), *(str(sum(rows[column].to_pylist())) for column in numbers)]


def test_text_arrives_byte_for_byte_in_every_script(server: MariadbServer) -> None:
    names = world.wiki("enwiki").tables["user"]["user_name"].to_pylist()
    assert any(not name.isascii() for name in names)
    found = ask(server, "SELECT hex(user_name) FROM enwiki.user ORDER BY user_id")
    assert [bytes.fromhex(name).decode() for (name,) in found] == names


def test_a_moment_is_fourteen_digits(server: MariadbServer) -> None:
    rows = world.wiki("dewiki").tables["user"]
    found = ask(server, "SELECT user_registration FROM dewiki.user ORDER BY user_id")
    wanted = [moment and f"{moment:%Y%m%d%H%M%S}" for moment in rows["user_registration"].to_pylist()]
    assert None in wanted
    assert [None if digits == "NULL" else digits for (digits,) in found] == wanted


def test_every_column_of_bytes_is_named_as_text_or_as_a_moment(server: MariadbServer) -> None:
    found = ask(
        server,
        "SELECT DISTINCT concat('*wiki.', table_name, '.', column_name) FROM information_schema.columns"
        " WHERE table_schema LIKE '%wiki' AND data_type IN ('binary', 'varbinary', 'tinyblob')",
    )
    assert {name for (name,) in found} == {*mariadb_wikis.TEXT, *mariadb_wikis.TIMESTAMPS}


def test_a_sensitive_column_says_so_in_its_comment(server: MariadbServer) -> None:
    ((comment,),) = ask(
        server,
        "SELECT column_comment FROM information_schema.columns"
        " WHERE table_schema = 'enwiki' AND table_name = 'user' AND column_name = 'user_email'",
    )
    assert comment == "E-mail address [sensitivity: personal]"


def test_what_is_complete_is_kept_and_what_is_not_is_made_again(server: MariadbServer) -> None:
    server.execute(["ALTER DATABASE frwiki COMMENT = 'half made'", "DROP TABLE frwiki.page"])
    steps: list[tuple[str, bool]] = []

    def note(step: str, *, done: bool, size_bytes: int) -> None:
        steps.append((step, done))

    mariadb_wikis.ensure(server, note)
    assert steps == [("mediawiki.frwiki", False), ("mediawiki.frwiki", True)]
    assert ask(server, "SELECT count(*) FROM frwiki.page") == [[str(world.SIZES["frwiki"][0])]]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO nyc.airlines VALUES ('ZZ', 'none')",
        "CREATE DATABASE other",
        "SELECT * FROM mysql.global_priv",
        "SELECT 1 INTO OUTFILE '/tmp/swap-outfile'",
    ],
)
def test_the_reader_may_only_read(server: MariadbServer, statement: str) -> None:
    assert as_reader(server, "SELECT count(*) FROM nyc.planes").stdout == b"3322\n"
    refused = as_reader(server, statement)
    assert refused.returncode == 1
    assert b"denied" in refused.stderr


def test_only_we_can_read_the_readers_password(server: MariadbServer) -> None:
    assert secret_path(server.state, mediawiki.READER).stat().st_mode & 0o077 == 0


def test_without_the_password_nobody_comes_in(server: MariadbServer) -> None:
    for user in (mediawiki.READER, "root"):
        said = subprocess.run(
            [
                "mariadb",
                "--no-defaults",
                "--host=127.0.0.1",
                f"--port={server.port}",
                f"--user={user}",
                "-e",
                "SELECT 1",
            ],
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert said.returncode == 1
