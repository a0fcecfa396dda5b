"""`swap purge`, and the purge that `swap up` begins: what the settings say goes, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from integration.db.test_purge import count, fill
from integration.gateway.gateways import runtime_for
from services import Database
from swap import runtime
from swap.db.purge import AUDIT, ENDED, PIECE
from swap.people import service
from swap.settings import load
from swap.supervisor import purge
from swap.supervisor.model import Site
from swap.supervisor.up import Run


@pytest.fixture
def config(database: Database, tmp_path: Path) -> Path:
    """Return the settings of a SWAP that seems to run, with old and new rows of everything."""
    (tmp_path / "lock").write_text(str(os.getpid()))
    (tmp_path / "logs").mkdir()
    (tmp_path / "work").mkdir()
    runtime.write(runtime_for(database, tmp_path), tmp_path / "runtime.json")
    with database.engine("owner").begin() as conn:
        for aging in (*ENDED, AUDIT):
            fill(conn, aging, 5, datetime.now(UTC) - timedelta(days=100), "old")
            fill(conn, aging, 3, datetime.now(UTC) - timedelta(days=20), "new")
    return write(tmp_path)


def write(state: Path, keep: str = "") -> Path:
    config = state / "swap.toml"
    config.write_text(f'state = "."\npeople.file = "people.toml"\n[keep]\n{keep}')
    return config


def left(database: Database) -> list[int]:
    return [count(database, aging) for aging in (*ENDED, AUDIT)]


def test_what_ended_long_ago_goes_and_the_audit_stays(database: Database, config: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "swap", "purge", "--config", config], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(": 5 rows of before ") == len(ENDED)
    assert left(database) == [3] * len(ENDED) + [8]


def test_the_audit_goes_only_as_the_site_says_and_that_is_recorded(database: Database, config: Path) -> None:
    settings = load(write(config.parent, "ended_days = 10\naudit_days = 30"))
    purge.purge(settings, database.engine("owner"), [].append)

    assert left(database) == [0] * len(ENDED) + [3 + 1]
    with database.engine("owner").connect() as conn:
        detail = conn.scalar(text("SELECT detail FROM swap.audit_event WHERE event = 'audit-purged'"))
    assert detail["rows"] == 5
    assert datetime.fromisoformat(detail["before"]) < datetime.now(UTC) - timedelta(days=29)


def test_what_went_of_the_audit_is_recorded_also_when_the_purge_is_cut_short(database: Database, config: Path) -> None:
    with database.engine("owner").begin() as conn:
        fill(conn, AUDIT, 2 * PIECE, datetime.now(UTC) - timedelta(days=200), "older")
    whole = count(database, AUDIT)

    def cut_short(_: float) -> None:
        if count(database, AUDIT) < whole:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        purge.purge(load(write(config.parent, "audit_days = 90")), database.engine("owner"), [].append, cut_short)

    with database.engine("owner").connect() as conn:
        recorded = conn.scalars(text("SELECT detail FROM swap.audit_event WHERE event = 'audit-purged'")).all()
    assert [each["rows"] for each in recorded] == [PIECE]
    assert count(database, AUDIT) == whole - PIECE + 1


def test_between_two_pieces_the_database_is_left_to_others(database: Database, config: Path) -> None:
    rests: list[float] = []
    purge.purge(load(config), database.engine("owner"), [].append, rests.append)

    assert len(rests) == len(ENDED)
    assert all(rest > 0 for rest in rests)


def test_a_system_user_is_its_persons_for_ever(database: Database, config: Path) -> None:
    """Behind walls files are whose uid they have: what was given once is given to nobody else."""
    settings = load(write(config.parent, 'ended_days = 1\n[launch]\nisolation = "user"'))
    with database.engine("owner").begin() as conn:
        uid = service.system_user(conn, "pannaaaaaa", settings.launch.uid_range, lambda _: False)

    purge.purge(settings, database.engine("owner"), [].append)

    assert left(database) == [0] * len(ENDED) + [8]
    with database.engine("owner").begin() as conn:
        assert service.system_user(conn, "pannaaaaaa", settings.launch.uid_range, lambda _: False) == uid
        other = service.ensure_person(conn, "x", "x", (), lambda: "pxxxxxxxxx").id
        assert service.system_user(conn, other, settings.launch.uid_range, lambda _: False) != uid


def test_swap_up_begins_a_purge_that_its_log_tells_of(database: Database, config: Path) -> None:
    run = Run(
        config,
        Site(
            config.parent,
            "127.0.0.1",
            1,
            "",
            embedded=False,
            database_port=None,
            certificate=None,
            public_bind="",
            public_ports=(),
            mail=False,
        ),
    )
    run._begin("purge")
    assert run._errands["purge"].pid in run._children()
    assert run._errands["purge"].wait(60) == 0

    assert "query_run: 5 rows of before " in (config.parent / "logs" / "purge.log").read_text()
    assert left(database) == [3] * len(ENDED) + [8]


def test_without_a_swap_that_runs_nothing_is_purged(tmp_path: Path) -> None:
    config = write(tmp_path)
    done = subprocess.run(
        [Path(sys.executable).parent / "swap", "purge", "--config", config], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "SWAP does not run." in done.stdout + done.stderr
