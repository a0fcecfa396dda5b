"""A worker that was taken over: what it can still do, and that each wall is what keeps it from the rest."""

from __future__ import annotations

import json
import os
import select
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

import services
import wardens
from integration.processes.hubs import ANN, BOB, NOBODY, PRIVATE, ROOT, UIDS
from integration.processes.presses import CLAIM, FILES, IMPORTS, RUNS, Press, Presses
from swap import runtime as runtimes
from swap.client.data_file import MIME
from swap.reports.files import Binding, Files
from swap.reports.tsv import Unit
from swap.settings import Launch
from wardens import NO_USER, NO_VIEW

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be a warden")


@pytest.fixture(scope="module")
def state(hub_state: Path) -> Path:
    """The state directory of these workers."""
    return hub_state


@pytest.fixture(scope="module")
def taken(presses: Presses) -> Press:
    """One with all of its walls."""
    return presses()


# ── what it can read ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", [*PRIVATE, "swap.toml", "runtime.json", f"homes/{ANN}/notes"])
def test_files_of_swap_and_of_people_are_not_there_and_view_and_user_are_each_enough(
    state: Path, presses: Presses, name: str
) -> None:
    attempt = f"Path({str(state / name)!r}).read_text()"

    assert presses().try_(attempt) == "ENOENT"
    assert presses(NO_USER).try_(attempt) == "ENOENT"
    assert presses(NO_VIEW).try_(attempt) == "EACCES"
    assert presses(NO_USER, NO_VIEW).try_(attempt) == (state / name).read_text(), "the control"


def test_it_is_told_its_own_secrets_and_nobody_elses(taken: Press, module_database: services.Database) -> None:
    told = json.dumps(taken.try_("known"))
    runtime = taken.try_("known['runtime']")

    assert set(runtime["database_urls"]) == {"worker"}
    others = ("kernel_key", "portal_key", "traefik_api_password", "web_service_token", "hub_cookie_secret")
    assert [runtime[name] for name in others] == [""] * len(others)
    assert taken.try_("known['report_key']")
    assert all(url not in told for role, url in module_database.urls().items() if role != "worker")
    assert set(taken.try_("known['settings']")) <= {"state", "reports", "keep"}
    assert [name for name in taken.try_("dict(os.environ)") if name.startswith("SWAP_TEST")] == []


def test_of_the_site_it_writes_the_directory_of_data_files_alone(state: Path, presses: Presses) -> None:
    # What those who run SWAP say while it runs, and a group whose name it does not know.
    binding = Binding("metrics", "prefs", Unit.MONTHS, None, "daemon", {})
    Files(state / FILES).bind("r1", binding)
    kept = "__import__('swap.reports.files').reports.files.Files(Path(known['settings']['reports']['files']))"
    said = {"values": {}, "columns": ["date"], "rows": [["2026-03-01"]]}
    document = {"cells": [{"outputs": [{"data": {MIME: said}}]}]}
    period = "(lambda date: (date(2026, 3, 1), date(2026, 4, 1)))(__import__('datetime').date)"
    assert presses().try_(f"{kept}.keep('r1', {period}, {document!r})") is None
    file = state / FILES / "metrics" / "prefs.tsv"
    assert file.read_bytes() == b"date\r\n2026-03-01\r\n"
    assert (file.stat().st_uid, file.group(), file.stat().st_mode & 0o777) == (Launch().worker_uid, "daemon", 0o640)

    beside = f"Path({str(state / 'beside')!r}).write_text('1')"
    assert presses().try_(beside) == "EROFS", "of the way to the directory there is nothing but names"
    assert presses(NO_USER).try_(beside) == "EROFS"
    assert presses(NO_VIEW).try_(beside) == "EACCES"
    assert presses(NO_USER, NO_VIEW).try_(beside) == 1, "the control"
    (state / "beside").unlink()


# ── what it can ask for ─────────────────────────────────────────────────────────────────────────────
STDIN = "(socket.socket(socket.AF_UNIX).detach(),)"


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        (f"{NOBODY} {CLAIM}", "NotFound"),
        (f"{ROOT} {CLAIM}", "Forbidden"),
        (f"../{ANN} {CLAIM}", "Forbidden"),
        (f"/etc {CLAIM}", "Forbidden"),
        (f"{ANN} ../{CLAIM}", "Invalid"),
        (f"{ANN} .", "Invalid"),
        (f"{ANN} {CLAIM} /bin/sh", "Invalid"),
        (f"{ANN}", "Invalid"),
    ],
)
def test_a_run_is_of_somebody_who_is_there_and_takes_nothing_else(
    taken: Press, state: Path, asked: str, refused: str
) -> None:
    before = list((state / "runs").glob("*"))
    assert taken.raw("run", asked, STDIN) == refused
    assert list((state / "runs").glob("*")) == before
    assert not (state / "homes" / NOBODY).exists()


@pytest.mark.parametrize(
    ("word", "name", "given"),
    [
        ("run", f"{ANN} {CLAIM}", "()"),
        ("run", f"{ANN} {CLAIM}", "(os.memfd_create('told'),)"),
        ("start", f"{ANN} 23000 s0123456789abcdef ann", STDIN),
        ("open", ANN, "()"),
        ("home", ANN, "()"),
        ("root", "lake", "()"),
        ("exec", "/bin/sh", "()"),
        ("RUN", f"{ANN} {CLAIM}", STDIN),
    ],
)
def test_its_warden_does_nothing_but_what_was_planned(taken: Press, word: str, name: str, given: str) -> None:
    assert taken.raw(word, name, given) == "Invalid"


def test_a_run_is_its_persons_and_as_planned_and_is_told_what_its_warden_does_not_read(
    taken: Press, state: Path
) -> None:
    told = taken.begin(ANN)

    assert (told["uid"], told["home"], told["there"], told["sees"]) == (UIDS[ANN], f"/home/{ANN}", [], [ANN])
    assert told["told"] == "what nobody else reads"
    assert not {"SWAP_TEST_LDAP", "SWAP_TEST_STORE", runtimes.ENVIRONMENT} & told["env"].keys()
    assert (state / "runs" / CLAIM).is_dir()
    assert taken.begin(ANN) == "Invalid", "it goes on"
    assert taken.begin(BOB, "ff-2")["uid"] == UIDS[BOB]
    assert taken.end("ff-2") == {"said": "it said this", "met": ""}
    assert taken.end() == {"said": "it said this", "met": ""}
    assert not {CLAIM, "ff-2"} & {each.name for each in (state / "runs").iterdir()}


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────
def outer(press: Press) -> int:
    """Return a handle on what a run's processes are below."""
    below = psutil.Process(press.warden.process.pid).children(recursive=True)
    (found, *_) = [each for each in below if "swap.walls.enter" in each.cmdline()]
    return os.pidfd_open(found.pid)


def ended(handle: int, seconds: float = 60) -> bool:
    return bool(select.select([handle], [], [], seconds)[0])


@pytest.mark.parametrize("who", ["worker", "warden"])
def test_runs_end_with_the_worker_and_with_its_warden_however_they_end(
    press_made: dict[str, Any], state: Path, who: str
) -> None:
    press = Press(press_made, IMPORTS, RUNS)
    assert press.begin(ANN)["uid"] == UIDS[ANN]
    run, itself = outer(press), os.pidfd_open(press.pid)
    assert not ended(run, 0)

    os.kill(press.pid if who == "worker" else press.warden.process.pid, signal.SIGKILL)

    assert ended(run)
    assert ended(itself)
    press.warden.process.wait(60)
    press.close()
    for each in (run, itself):
        os.close(each)
    Press(press_made, IMPORTS).close()
    assert not (state / "runs" / CLAIM).exists(), "the next one begins with nothing"


def test_a_run_ends_when_the_worker_lets_go(taken: Press, state: Path) -> None:
    taken.begin(ANN, "aa-7")
    run = outer(taken)
    taken.try_("going.pop('aa-7')._to.close()")
    assert ended(run)
    os.close(run)
    wardens.until(lambda: not (state / "runs" / "aa-7").exists(), 60)


def test_what_cannot_be_built_is_no_worker(press_made: dict[str, Any]) -> None:
    view = press_made["told"]["view"] | {"root": "/nowhere/at/all"}
    started = wardens.Running(press_made | {"told": press_made["told"] | {"view": view}}, program="worker")
    assert started.process.wait(60) != 0
    started.close()
