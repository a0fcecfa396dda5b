"""A portal that was taken over: what it can still do, and that each wall is what keeps it from the rest."""

from __future__ import annotations

import json
import os
import select
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert

import services
import wardens
from integration.gateway.gateways import runtime_for
from integration.processes.portals import (
    ANN,
    BOB,
    IMPORTS,
    NOBODY,
    NOTEBOOK,
    PRIVATE,
    ROOT,
    UIDS,
    Portal,
    Portals,
)
from swap import ports
from swap.db.tables import system_user
from swap.people import service
from swap.processes import seats
from swap.settings import load
from wardens import NO_USER, NO_VIEW

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be a warden")


# ── what it can read ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", [*PRIVATE, "swap.toml", "runtime.json", f"homes/{ANN}/mine.ipynb"])
def test_files_of_swap_and_of_people_are_not_there_and_view_and_user_are_each_enough(
    state: Path, portals: Portals, name: str
) -> None:
    attempt = f"Path({str(state / name)!r}).read_text()"

    assert portals().try_(attempt) == "ENOENT"
    assert portals(NO_USER).try_(attempt) == "ENOENT"
    assert portals(NO_VIEW).try_(attempt) == "EACCES"
    assert portals(NO_USER, NO_VIEW).try_(attempt) == (state / name).read_text(), "the control"


@pytest.mark.parametrize("path", ["/etc/shadow", "/home", "/var/lib", "/opt", "/boot"])
def test_of_the_machine_only_programs_are_there(portals: Portals, path: str) -> None:
    attempt = f"os.path.exists({path!r})"
    assert portals().try_(attempt) is False
    if Path(path).exists():
        assert portals(NO_VIEW).try_(attempt) is True, "the control"


def test_it_is_told_its_own_secrets_and_nobody_elses(taken: Portal, module_database: services.Database) -> None:
    told = json.dumps(taken.try_("known"))
    runtime = taken.try_("known['runtime']")

    assert set(runtime["database_urls"]) == {"web"}
    assert (runtime["portal_key"], runtime["web_service_token"]) == ("p" * 40, "w")
    assert [runtime[name] for name in ("traefik_api_password", "kernel_key", "hub_cookie_secret")] == [""] * 3
    assert all(url not in told for role, url in module_database.urls().items() if role != "web")
    assert all(content not in told for content in (*PRIVATE.values(), "of the directory", "of the store"))


def test_of_the_environment_it_has_no_secret(taken: Portal) -> None:
    seen = taken.try_("dict(os.environ)")
    assert not [name for name in seen if name.startswith("SWAP_")]
    assert not [value for value in seen.values() if "of the" in value]


def test_its_account_gives_nobody_a_uid(taken: Portal, module_database: services.Database) -> None:
    url = "known['runtime']['database_urls']['web']"
    insert = f"kind_of(lambda: __import__('sqlalchemy').create_engine({url}).connect().exec_driver_sql(\"INSERT INTO swap.system_user VALUES ('{ANN}', 0)\"))"
    assert taken.try_(insert) == "ProgrammingError"
    with module_database.engine("hub").connect() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM swap.system_user").scalar() == 0, "the hub's may look"


# ── copies ──────────────────────────────────────────────────────────────────────────────────────────
def test_examples_and_restarts_are_copies_that_it_cannot_change_and_follow_the_sites(
    taken: Portal, state: Path
) -> None:
    settings = taken.try_("known['settings']")
    example, restarts = f"{settings['examples']}/first.ipynb", f"{settings['state']}/restarts.json"

    assert taken.try_(f"Path({example!r}).read_text()") == NOTEBOOK
    assert taken.try_(f"Path({example!r}).write_text('x')") in {"EACCES", "EROFS"}
    assert taken.try_(f"Path({settings['examples']!r}, 'new.ipynb').touch()") in {"EACCES", "EROFS"}

    (state / "examples" / "second.ipynb").write_text(NOTEBOOK, encoding="utf-8")
    (state / "restarts.json").write_text("[]", encoding="ascii")
    wardens.until(lambda: taken.try_(f"os.path.exists({example.replace('first', 'second')!r})"), 60)
    wardens.until(lambda: taken.try_(f"os.path.exists({restarts!r})"), 60)
    (state / "examples" / "second.ipynb").unlink()
    wardens.until(lambda: not taken.try_(f"os.path.exists({example.replace('first', 'second')!r})"), 60)


# ── whose uid is whose ──────────────────────────────────────────────────────────────────────────────
def test_the_warden_knows_everybodys_uid_at_its_start_and_starts_without_the_database_too(
    state: Path, module_database: services.Database
) -> None:
    settings, here = load(state / "swap.toml"), runtime_for(module_database, state)
    own = settings.launch.portal_uid
    with module_database.engine("owner").begin() as conn:
        for person, uid in ((ANN, UIDS[ANN]), (BOB, own)):
            service.ensure_person(conn, person, person, (), lambda: person)  # noqa: B023 — at once
            conn.execute(insert(system_user).values(person_id=person, uid=uid))
    try:
        assert seats.known(settings, here) == {ANN: UIDS[ANN]}, "one that became SWAP's own is nobody's"
        with module_database.engine("hub").begin() as conn:
            service.remove(conn, ANN, datetime.now(UTC))
        assert seats.known(settings, here) == {}, "nor is that of who was removed"
        away = here.model_copy(
            update={"database_urls": {"hub": f"postgresql://swap_hub@127.0.0.1:{ports.free(1)[0]}/x"}}
        )
        assert seats.known(settings, away) == {}
    finally:
        with module_database.engine("owner").begin() as conn:
            conn.execute(delete(system_user))


# ── what it can ask for ─────────────────────────────────────────────────────────────────────────────
ASK = "kind_of(lambda: far.Far(errands).ask({!r}, {!r}, {{'do': 'find'}}))"


@pytest.mark.parametrize("word", ["home", "use", "ended"])
@pytest.mark.parametrize("person", ["", "..", ".", "../homes/" + ANN, ANN + "/..", "/etc", ANN + "\0", "P" + ANN[1:]])
def test_what_is_no_persons_id_is_refused(taken: Portal, word: str, person: str) -> None:
    assert taken.try_(ASK.format(word, person)) == "Forbidden"
    assert isinstance(taken.try_(ASK.format(word, ANN)), list), "the control"


@pytest.mark.parametrize("word", ["root", "spill", "exec", "HOME", "home\0"])
def test_its_warden_does_nothing_but_what_was_planned(taken: Portal, word: str) -> None:
    assert taken.try_(ASK.format(word, ANN)) == "Invalid"


@pytest.mark.parametrize(
    "attempt",
    [
        "errands.start('combiners')",
        f"errands.start({ANN!r})",
        "errands.end('')",
        "errands.kill(os.pidfd_open(os.getpid()))",
        "errands.kill(os.open('/', os.O_PATH))",
    ],
)
def test_of_cells_its_warden_has_the_one_of_what_reads_notebooks(taken: Portal, attempt: str) -> None:
    assert taken.try_(f"kind_of(lambda: {attempt})") == "PermissionError"
    ended = "(lambda forked: (forked.kill(), forked.wait(60))[1])(forking.warded(errands, 'reading').fork())"
    assert taken.try_(ended) is True, "the control"


def test_who_is_nobody_gets_no_home(taken: Portal, state: Path) -> None:
    assert taken.try_(ASK.format("home", NOBODY)) == "NotFound"
    assert not (state / "homes" / NOBODY).exists()


def test_what_the_database_calls_a_person_and_is_of_the_machine_is_nobodys_home(taken: Portal, state: Path) -> None:
    """Where all of SWAP has one account at the database, the portal's can write there."""
    assert taken.try_(ASK.format("home", ROOT)) == "Forbidden"
    assert not (state / "homes" / ROOT).exists()


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────
LEAVES = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'], start_new_session=True).pid"


def ended(handle: int, seconds: float = 60) -> bool:
    return bool(select.select([handle], [], [], seconds)[0])


def test_a_portal_that_is_killed_takes_all_that_it_left_along(made: dict[str, Any]) -> None:
    portal = Portal(made, IMPORTS)
    left = os.pidfd_open(portal.try_(LEAVES))

    os.kill(portal.pid, signal.SIGKILL)

    assert portal.warden.process.wait(60) == -signal.SIGKILL, "it ends as the portal did"
    assert ended(left, 0)
    os.close(left)
    portal.close()


def test_a_warden_that_is_killed_takes_the_portal_along(made: dict[str, Any]) -> None:
    portal = Portal(made, IMPORTS)
    itself = os.pidfd_open(portal.pid)

    portal.warden.process.kill()

    assert ended(itself)
    os.close(itself)
    portal.close()


def test_what_cannot_be_built_is_no_portal(made: dict[str, Any]) -> None:
    broken = made | {"told": made["told"] | {"view": made["told"]["view"] | {"root": "/nowhere/at/all"}}}
    running = wardens.Running(broken, program="web")
    assert running.process.wait(60) != 0
    running.close()
