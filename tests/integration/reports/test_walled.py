"""Where people have walls: a real worker, behind its own, has a report run behind those of its person."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psutil
import pytest
from sqlalchemy import select

import notebooks
import saves
from integration.hub.conftest import House, build, demolish
from integration.reports.bureau import OVER
from swap import doctor
from swap.db.embedded import EmbeddedPostgres
from swap.db.tables import system_user
from swap.identity import Principal, Via
from swap.notebooks import saving, shown
from swap.people import service as people
from swap.people.ids import new_person_id
from swap.reports import running, service, store
from swap.reports.files import Binding, Files
from swap.reports.model import Missed, Overlap, Run, RunState
from swap.reports.schedule import Schedule
from swap.reports.tsv import Unit

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give people walls")

COUNTED = Binding("metrics", "counted", Unit.MONTHS, None, "", {})
CELL = """
import json, os, swap
def descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError as error:
        return error.strerror
home = os.path.expanduser("~")
print(json.dumps({"uid": os.getuid(), "home": home, "there": os.listdir(home), "homes": os.listdir("/home"),
    "one": int(swap.sql("SELECT 1 AS one").df()["one"][0]), "period": swap.period.start.isoformat(),
    "nice": os.nice(0), "of_run": descriptors(os.getppid()), "own": descriptors(os.getpid()),
    "stdin": os.readlink("/proc/self/fd/0")}))
"""


@pytest.fixture(scope="module")
def house(embedded_postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    tmp_path = tmp_path_factory.mktemp("site")
    made = build(
        embedded_postgres, names=("ann",), launch={"isolation": "user"}, reports={"files": str(tmp_path / "files")}
    )
    try:
        made.start("gateway", "worker")
        yield made
    finally:
        demolish(made)


@pytest.fixture(scope="module")
def ann(house: House) -> Principal:
    """Somebody with a home, who has signed out."""
    with house.database.engine().begin() as conn:
        made = people.ensure_person(conn, "ann", "ann", ("analysts",), lambda: new_person_id(secrets.token_bytes))
    home = house.runtime.homes / made.id
    home.mkdir(mode=0o700)
    (home / "notes").write_text("of ann", encoding="utf-8")
    return Principal(made.id, "ann", made.groups, Via.PORTAL)


def new_id() -> str:
    return secrets.token_hex(10)


def ask(
    house: House, ann: Principal, cell: str, path: str, before: Callable[[str], None] = lambda _: None
) -> tuple[str, str]:
    """Save a notebook, and let it run as a report; return the report's id and the run's."""
    now = datetime.now(UTC)
    with house.database.engine().begin() as conn:
        document = notebooks.notebook(notebooks.code(cell))
        head = saving.save(conn, house.settings.policy, ann, saves.sent(document, path=path), now, new_id)
        made = service.schedule(
            conn, ann, head.notebook_id, Schedule.read("month 1 06:00", "UTC"), Missed.LATEST, Overlap.WAIT, now, new_id
        )
        before(made.id)
        return made.id, running.run_now(conn, ann, made.id, now, new_id).id


def found(house: House, run_id: str) -> Run:
    with house.database.engine().connect() as conn:
        run = store.run(conn, run_id)
    assert run is not None
    return run


def of_run(house: House, ann: Principal) -> list[psutil.Process]:
    """Return the processes of a run, once there are some."""
    with house.database.engine().connect() as conn:
        uid = conn.scalar(select(system_user.c.uid).where(system_user.c.person_id == ann.id))
    found: list[psutil.Process] = []

    def some() -> bool:
        below = psutil.Process(house.processes["worker"].pid).children(recursive=True)
        with contextlib.suppress(psutil.NoSuchProcess):
            found[:] = [each for each in below if each.uids().real == uid]
        return len(found) > 1

    house.wait_until(some, 120)
    return found


def test_a_run_is_its_person_without_their_home_and_its_edition_comes_back(house: House, ann: Principal) -> None:
    report_id, run_id = ask(house, ann, CELL, "report.ipynb")
    house.wait_until(lambda: found(house, run_id).state in OVER, 120)
    now, policy = datetime.now(UTC), house.settings.policy
    with house.database.engine().begin() as conn:
        run = found(house, run_id)
        assert (run.state, run.said) == (RunState.DONE, None), house.log("worker")
        seen = service.see(conn, policy, ann, service.look(conn, ann, report_id, now), run, now)
        cells = json.loads(shown.written(conn, seen))["cells"]
        uid = conn.scalar(select(system_user.c.uid).where(system_user.c.person_id == ann.id))
    told = json.loads(cells[0]["outputs"][-1]["text"])
    assert (told["uid"], told["home"], told["homes"]) == (uid, f"/home/{ann.id}", [ann.id])
    assert "notes" not in told["there"]
    assert (told["one"], told["nice"]) == (1, 10)
    assert told["of_run"] == "Permission denied", "the run's program has the socket on which it answers"
    assert told["own"] > 0, "the control"
    assert not told["stdin"].startswith("socket:")
    assert datetime.fromisoformat(told["period"]) == run.period.start
    assert not list((house.state / "runs").glob("*"))


def test_rows_for_a_data_file_come_into_the_directory_that_the_worker_may_write(house: House, ann: Principal) -> None:
    root = house.settings.reports.files
    assert root is not None
    cell = "import swap, pandas\nswap.data_file(pandas.DataFrame({'date': [swap.period.start.date()], 'n': [1]}))"
    _, run_id = ask(house, ann, cell, "counted.ipynb", lambda made: Files(root).bind(made, COUNTED))
    house.wait_until(lambda: found(house, run_id).state in OVER, 120)
    run = found(house, run_id)
    assert (run.state, run.said) == (RunState.DONE, None), house.log("worker")
    file = root / "metrics" / "counted.tsv"
    assert file.read_bytes() == f"date\tn\r\n{run.period.start:%Y-%m-%d}\t1\r\n".encode()
    assert file.stat().st_uid == house.settings.launch.worker_uid
    assert {each.subject: each.works for each in doctor.examine(house.settings)}["reports.files"]
    os.chown(file.parent, 0, 0)
    (found_by,) = [each for each in doctor.examine(house.settings) if each.subject == "reports.files"]
    assert (found_by.works, found_by.saw) == (False, f"{root}: metrics cannot be written")


def test_the_worker_is_a_system_user_of_its_own(house: House) -> None:
    warden = psutil.Process(house.processes["worker"].pid)
    (worker,) = [each for each in warden.children() if "swap.processes.serving_worker" in each.cmdline()]
    assert set(worker.uids()) == {house.settings.launch.worker_uid}
    assert set(warden.uids()) == {0}
    assert worker.children() == []


def test_a_second_worker_of_the_same_state_directory_refuses_in_words(house: House) -> None:
    first = house.processes["worker"]
    house.start("worker")
    second = house.processes["worker"]
    house.processes["worker"] = first
    assert second.wait(60) == 1
    assert f"A worker of this state directory is already running, as process {first.pid}." in house.log("worker")
    assert first.poll() is None


def test_a_worker_that_is_stopped_ends_its_run_and_gives_it_back_and_one_that_is_cancelled_ends(
    house: House, ann: Principal
) -> None:
    report_id, run_id = ask(house, ann, "while True:\n    pass", "forever.ipynb")
    first = of_run(house, ann)
    house.kill("worker", signal.SIGTERM)
    assert not any(each.is_running() for each in first)
    given_back = found(house, run_id)
    assert (given_back.state, given_back.failures) == (RunState.WAITING, 0)
    house.start("worker")
    second = of_run(house, ann)
    with house.database.engine("web").begin() as conn:
        running.cancel(conn, ann, report_id, run_id, datetime.now(UTC))
    assert psutil.wait_procs(second, 60)[1] == []
    house.wait_until(lambda: not list((house.state / "runs").glob("*")))
    assert found(house, run_id).state is RunState.CANCELLED
