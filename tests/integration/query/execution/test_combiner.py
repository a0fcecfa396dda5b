"""The combiner's walls: what runs inside can compute and spill, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from swap import bare
from swap.channel import receive
from swap.errors import LimitExceeded, SwapError
from swap.query.execution.combiner import Combiner, Order
from swap.query.execution.pool import Pool
from swap.query.execution.program import ALLOCATORS
from swap.settings import Limits

LIMITS = Limits(memory_bytes=200_000_000, spill_bytes=100_000_000)
ROWS = pa.table({"a": list(range(1000)), "b": ["x", "y"] * 500})


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    made = Pool(LIMITS, tmp_path / "spill")
    yield made
    made.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k,mode=700", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk needs the right to mount one")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def run(combiner: Combiner, sql: str, *, streamed: bool = False) -> pa.Table:
    """Run a text as it is: nothing has read it before."""
    ours, theirs = os.pipe()

    def feed() -> None:
        try:
            with os.fdopen(theirs, "wb") as pipe, pa.ipc.new_stream(pipe, ROWS.schema) as writer:
                writer.write_table(ROWS, max_chunksize=100)
        except (BrokenPipeError, OSError):
            pass

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        with tempfile.TemporaryFile() as result:
            combiner.start(Order(sql, ["i0"], [ours], result.fileno(), streamed))
            os.close(ours)
            told = list(combiner.written())
            combiner.close()
            result.seek(0)
            table = pa.ipc.open_stream(result).read_all()
            assert combiner.rows == told[-1].rows == table.num_rows
            return table
    finally:
        combiner.close()
        thread.join(timeout=5)


ESCAPES = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "COPY i0 TO '/tmp/swap-escape.csv'",
    "ATTACH '/tmp/swap-escape.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SELECT * FROM read_csv('http://127.0.0.1:1/x')",
    "SET enable_external_access = true",
    "SET memory_limit = '10GB'",
    "RESET memory_limit",
    "EXPORT DATABASE '/tmp/swap-escape'",
    "CREATE SECRET s (TYPE s3)",
    "SELECT * FROM glob('/etc/*')",
    "SET temp_directory = '/tmp'",
    "CREATE PERSISTENT SECRET s (TYPE s3)",
    "FORCE INSTALL json FROM community",
]


@pytest.mark.parametrize("sql", ESCAPES)
def test_a_text_that_nobody_checked_still_cannot_leave(pool: Pool, sql: str) -> None:
    with pytest.raises(SwapError):
        run(pool.take(), sql)
    assert not list(Path("/tmp").glob("swap-escape*"))


@pytest.mark.parametrize(
    "sql", ["SELECT content FROM read_text('/etc/hostname')", "SELECT count(*) FROM glob('/etc/*')"]
)
def test_without_the_walls_the_same_text_gets_out(sql: str) -> None:
    with duckdb.connect(":memory:") as open_:
        assert open_.execute(sql).fetchall()


def test_the_combiner_is_given_nothing_of_the_gateways_environment(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWAP_PLANTED_SECRET", "hunter2")
    combiner = pool.take()
    run_id = combiner.pid
    time.sleep(0.5)
    environment = Path(f"/proc/{run_id}/environ").read_bytes()
    descriptors = {str(entry.readlink()) for entry in Path(f"/proc/{run_id}/fd").iterdir()}
    descriptors.discard(str(Path(f"/proc/self/fd/{combiner._spill.descriptor}").readlink()))
    combiner.close()

    assert b"hunter2" not in environment
    assert b"SWAP" not in environment
    assert [
        target
        for target in descriptors
        if target.startswith("/") and "(deleted)" not in target and not target.startswith(("/dev/", "/usr"))
    ] == []


def test_the_combiner_is_bound_by_the_system_too(pool: Pool) -> None:
    combiner = pool.take()
    receive(combiner._forked.control)  # it is ready: it has locked itself down
    lines = Path(f"/proc/{combiner.pid}/limits").read_text().splitlines()
    combiner.close()

    limits = {line[:26].strip(): line[26:].split()[:2] for line in lines}
    assert limits["Max data size"] == [str(200_000_000 + 50_000_000 + 150_000_000)] * 2
    assert limits["Max file size"] == [str(LIMITS.spill_bytes)] * 2
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max open files"] == ["256", "256"]


SETTINGS = {
    "TimeZone": "UTC",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
    "allow_extension_repositories": "forbidden",
    "enable_external_access": "false",
    "lock_configuration": "true",
    "max_temp_directory_size": "95.3 MiB",
    "memory_limit": "190.7 MiB",
}


def test_what_was_set_before_the_fork_holds_after_it(pool: Pool) -> None:
    asked = ", ".join(f"current_setting('{name}')::VARCHAR AS \"{name}\"" for name in SETTINGS)

    assert run(pool.take(), f"SELECT {asked} FROM i0 LIMIT 1").to_pylist() == [SETTINGS]


def test_no_two_combiners_draw_the_same_numbers(pool: Pool) -> None:
    drawn = [
        tuple(run(pool.take(), "SELECT random() AS r, gen_random_uuid() AS u FROM i0 LIMIT 1").to_pylist()[0].values())
        for _ in range(3)
    ]

    assert len({number for number, _ in drawn}) == len({uuid for _, uuid in drawn}) == 3


def test_the_fork_server_has_one_thread_one_channel_and_no_environment(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork copies one thread: what another held then would be held for ever."""
    monkeypatch.setenv("SWAP_PLANTED_SECRET", "hunter2")
    for _ in range(2):
        assert run(pool.take(), "SELECT 1 AS x FROM i0 LIMIT 1").num_rows == 1

    server = Path(f"/proc/{pool.server.pid}")
    environment = (server / "environ").read_bytes().split(b"\0")
    opened = [str(entry.readlink()) for entry in (server / "fd").iterdir()]
    assert len(list((server / "task").iterdir())) == 1
    told = {**bare.ENVIRONMENT, **ALLOCATORS}
    assert {each.decode() for each in environment if each} == {f"{name}={value}" for name, value in told.items()}
    assert sum(each.startswith("socket:") for each in opened) == 1
    # What was deleted is where the tests' own output goes.
    files = [each for each in opened if each.startswith("/") and not each.startswith("/dev/")]
    assert [each for each in files if "(deleted)" not in each] == []


def test_a_fork_server_that_was_killed_is_replaced(pool: Pool) -> None:
    assert run(pool.take(), "SELECT 1 AS x FROM i0 LIMIT 1").num_rows == 1
    before = pool.server.pid
    assert before is not None
    working = pool.take()
    os.kill(before, signal.SIGKILL)

    assert run(working, "SELECT 1 AS x FROM i0 LIMIT 1").num_rows == 1, "what was forked before goes on"
    assert run(pool.take(), "SELECT 1 AS x FROM i0 LIMIT 1").num_rows == 1
    assert run(pool.take(), "SELECT 1 AS x FROM i0 LIMIT 1").num_rows == 1
    assert pool.server.pid not in {None, before}


def test_memory_that_duckdb_does_not_count_is_bound_by_the_system(pool: Pool) -> None:
    """A list is made outside DuckDB's own limit; this one would take 3.6 GB."""
    with pytest.raises(LimitExceeded, match=r"limits\.memory_bytes"):
        run(pool.take(), "SELECT len(range(450000000 + a)) AS n FROM i0 LIMIT 1")


SPILLS = "SELECT x.a, y.a AS c, hash(x.a * 1000 + y.a) AS h FROM i0 x, i0 y ORDER BY h LIMIT 700000"
LITTLE_MEMORY = Limits(memory_bytes=30_000_000, spill_bytes=100_000_000)


def test_a_disk_too_full_to_spill_is_told_as_that(small_disk: Path) -> None:
    pool = Pool(LITTLE_MEMORY, small_disk)

    with pytest.raises(SwapError) as raised:
        run(pool.take(), SPILLS)

    pool.close()
    assert raised.value.problem.title == "The disk that keeps results is full."
    assert str(small_disk) not in str(raised.value)


def test_spilling_works_and_leaves_nothing(tmp_path: Path) -> None:
    pool = Pool(LITTLE_MEMORY, tmp_path / "spill")

    table = run(pool.take(), SPILLS)

    assert table.num_rows == 700_000
    pool.close()
    assert list((tmp_path / "spill").iterdir()) == []


def test_too_much_spilling_names_the_setting(tmp_path: Path) -> None:
    pool = Pool(Limits(memory_bytes=30_000_000, spill_bytes=1_000_000), tmp_path / "spill")

    with pytest.raises(LimitExceeded, match=r"limits\.spill_bytes"):
        run(pool.take(), SPILLS)

    pool.close()


def test_too_much_memory_names_the_setting(pool: Pool) -> None:
    with pytest.raises(LimitExceeded, match=r"limits\.(memory|spill)_bytes"):
        run(pool.take(), "SELECT list(x.a || y.b || z.b) FROM i0 x, i0 y, i0 z")


@pytest.mark.parametrize("streamed", [True, False])
def test_the_result_is_the_same_streamed_or_kept(pool: Pool, streamed: bool) -> None:
    assert run(pool.take(), "SELECT b, sum(a) AS s FROM i0 GROUP BY b ORDER BY b", streamed=streamed).to_pylist() == [
        {"b": "x", "s": 249500},
        {"b": "y", "s": 250000},
    ]


def test_an_input_that_can_be_read_once_is_never_read_twice(pool: Pool) -> None:
    """Were the plan ever wrong about this, the query would fail rather than count an empty second reading."""
    with pytest.raises(SwapError):
        run(pool.take(), "SELECT count(*) FROM i0 x, i0 y WHERE x.a < y.a", streamed=True)


def test_results_have_plain_types(pool: Pool) -> None:
    table = run(
        pool.take(),
        """SELECT sum(a) AS whole, gen_random_uuid() AS u, '{"x": 1}'::JSON AS j, 'p'::ENUM('p', 'q') AS e, 1::UHUGEINT AS big, now() AS t FROM i0""",
    )

    assert [str(field.type) for field in table.schema] == [
        "int64",
        "string",
        "string",
        "string",
        "string",
        "timestamp[us, tz=UTC]",
    ]


def test_a_sum_too_large_for_bigint_says_what_to_write(pool: Pool) -> None:
    with pytest.raises(SwapError, match=r"CAST\(s AS DECIMAL\(38, 0\)\)"):
        run(pool.take(), "SELECT sum(9223372036854775807) AS s FROM i0")


def test_a_spare_is_used_once_and_replaced(pool: Pool) -> None:
    pool.prepare()
    pids = set()
    for _ in range(2):
        combiner = pool.take()
        pids.add(combiner.pid)
        assert run(combiner, "SELECT 1 AS x").num_rows == 1

    assert len(pids) == 2


def test_a_spare_is_made_as_soon_as_a_query_has_ended(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swap.query.execution.pool.BUSY_SECONDS", 3600.0)

    run(pool.take(), "SELECT 1 AS x")

    until = time.monotonic() + 20
    while pool._spare is None:
        assert time.monotonic() < until, "nobody made one"
        time.sleep(0.01)


def test_the_combiner_dies_with_its_gateway(tmp_path: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path
from swap.forking import ForkServer
from swap.query.execution.combiner import Combiner
from swap.query.execution.program import ALLOCATORS, PROGRAM
from swap.query.execution.spill import Directories
from swap.settings import Limits
combiner = Combiner(ForkServer(PROGRAM, ALLOCATORS), Limits(), Directories(Path({str(tmp_path)!r})))
from swap import bare
from swap.channel import receive
receive(combiner._forked.control)
print(combiner.pid, flush=True)
time.sleep(60)
"""
    gateway = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert gateway.stdout is not None
    pid = int(gateway.stdout.readline())
    gateway.kill()
    gateway.wait()
    gateway.stdout.close()

    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.05)
