"""A hub that was taken over: what it can still do, and that each wall is what keeps it from the rest."""

from __future__ import annotations

import json
import os
import select
import signal
from pathlib import Path
from typing import Any

import pytest

import services
import wardens
from integration.processes.hubs import (
    ANN,
    BOB,
    IMPORTS,
    NOBODY,
    PRIVATE,
    ROOT,
    ROUTES,
    SERVER,
    SERVES,
    UIDS,
    Hub,
    Hubs,
)
from swap import certificates
from swap import runtime as runtimes
from swap.certificates import Pair
from swap.launch import running
from swap.launch.limits import find
from swap.processes import handed_hub
from swap.settings import load
from wardens import NO_USER, NO_VIEW

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be a warden")


@pytest.fixture(scope="module")
def state(hub_state: Path) -> Path:
    """The state directory of these hubs."""
    return hub_state


@pytest.fixture(scope="module")
def made(hub_made: dict[str, Any]) -> dict[str, Any]:
    """What their warden is planned to do."""
    return hub_made


@pytest.fixture(scope="module")
def taken(hubs: Hubs) -> Hub:
    """One with all of its walls."""
    return hubs()


def told_by(state: Path, person: str) -> Any:
    """Return what a person's program told of itself, once it has."""
    log = state / "logs" / f"server-{person}.log"
    wardens.until(lambda: log.exists() and log.read_text().endswith("\n"), 60)
    return json.loads(log.read_text())


# ── what it can read ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", [*PRIVATE, "swap.toml", "runtime.json", f"homes/{ANN}/notes"])
def test_files_of_swap_and_of_people_are_not_there_and_view_and_user_are_each_enough(
    state: Path, hubs: Hubs, name: str
) -> None:
    attempt = f"Path({str(state / name)!r}).read_text()"

    assert hubs().try_(attempt) == "ENOENT"
    assert hubs(NO_USER).try_(attempt) == "ENOENT"
    assert hubs(NO_VIEW).try_(attempt) == "EACCES"
    assert hubs(NO_USER, NO_VIEW).try_(attempt) == (state / name).read_text(), "the control"


@pytest.mark.parametrize("path", ["/etc/shadow", "/home", "/opt", "/boot", "/sys/fs/cgroup"])
def test_of_the_machine_only_programs_are_there(hubs: Hubs, path: str) -> None:
    attempt = f"os.path.exists({path!r})"
    assert hubs().try_(attempt) is False
    if Path(path).exists():
        assert hubs(NO_VIEW).try_(attempt) is True, "the control"


def test_it_is_told_its_own_secrets_and_nobody_elses(taken: Hub, module_database: services.Database) -> None:
    told = json.dumps(taken.try_("known"))
    runtime = taken.try_("known['runtime']")

    assert set(runtime["database_urls"]) == {"hub"}
    assert [runtime[name] for name in ("kernel_key", "portal_key")] == ["", ""]
    assert all(runtime[name] for name in ("traefik_api_password", "web_service_token", "hub_cookie_secret"))
    assert all(url not in told for role, url in module_database.urls().items() if role != "hub")
    assert all(content not in told for content in (*PRIVATE.values(), "of the store"))


def test_of_the_environment_it_has_the_directorys_password_alone(taken: Hub) -> None:
    seen = taken.try_("dict(os.environ)")
    assert [name for name in seen if name.startswith("SWAP_")] == ["SWAP_TEST_LDAP"]
    assert [value for value in seen.values() if "of the" in value] == ["of the directory"]


def test_of_the_directory_it_has_copies_that_it_cannot_change_and_that_follow_the_sites(
    taken: Hub, state: Path
) -> None:
    copy = taken.try_("known['settings']['people']['ldap']['ca']")
    assert taken.try_(f"Path({copy!r}).read_text()") == "of the directory's authority"
    assert taken.try_(f"Path({copy!r}).write_text('x')") in {"EACCES", "EROFS"}
    (state / "secrets" / "directory.pem").write_text("another", encoding="utf-8")
    try:
        wardens.until(lambda: taken.try_(f"Path({copy!r}).read_text()") == "another", 60)
    finally:
        (state / "secrets" / "directory.pem").write_text("of the directory's authority", encoding="utf-8")


# ── what it can write ───────────────────────────────────────────────────────────────────────────────
def test_of_routes_it_writes_its_own_and_can_neither_read_nor_replace_ours(taken: Hub, hubs: Hubs, state: Path) -> None:
    place = state / "traefik" / "dynamic"
    draft, own = str(place / "hub.toml-tmp"), str(place / "hub.toml")
    assert taken.try_(f"(Path({draft!r}).write_text('routes'), os.replace({draft!r}, {own!r}))[0]") == 6
    for name, content in ROUTES.items():
        path = str(place / name)
        assert taken.try_(f"Path({path!r}).read_text()") == "EACCES"
        assert taken.try_(f"Path({path!r}).write_text('x')") == "EACCES"
        assert taken.try_(f"os.unlink({path!r})") == "EPERM"
        assert taken.try_(f"(Path({draft!r}).write_text('x'), os.replace({draft!r}, {path!r}))") == "EPERM"
        assert (place / name).read_text() == content
    mode = place.stat().st_mode
    place.chmod(0o770)
    try:
        path = str(place / "swap.yml")
        assert taken.try_(f"(Path({draft!r}).write_text('x'), os.replace({draft!r}, {path!r}))") == [1, None], "control"
    finally:
        place.chmod(mode & 0o7777)
    (place / "swap.yml").unlink()
    (place / "swap.yml").touch(mode=0o600)
    (place / "swap.yml").write_text("routes", encoding="utf-8")


def test_what_is_laid_in_the_way_of_a_certificate_neither_leads_it_elsewhere_nor_reads_its_key(
    taken: Hub, state: Path
) -> None:
    place, secret = state / "traefik" / "dynamic", state / "others" / "database"
    pair = Pair(*services.certificate(state / "secrets", "swap.example.org"))
    lain = str(place / f"{certificates.FILE}.new"), str(place / certificates.FILE)
    for path in lain:
        assert taken.try_(f"os.symlink({str(secret)!r}, {path!r})") is None

    certificates.hand_over(pair, place)

    assert secret.read_text() == PRIVATE["others/database"]
    assert "PRIVATE KEY" in (place / certificates.FILE).read_text()
    assert taken.try_(f"Path({lain[1]!r}).read_text()") == "EACCES"
    Path(lain[0]).write_text("led astray", encoding="ascii")
    assert secret.read_text() == "led astray", "the control: root writes where the link leads"
    secret.write_text(PRIVATE["others/database"], encoding="utf-8")
    for path in lain:
        Path(path).unlink()


def test_when_the_directory_answered_is_kept_where_it_was(taken: Hub, state: Path) -> None:
    seen = taken.try_("known['settings']['state']") + "/directory-seen"
    assert taken.try_(f"os.utime({seen!r}, (1000, 1000))") is None
    assert (state / "directory-seen").stat().st_mtime == 1000
    assert taken.try_(f"Path({seen!r}).with_name('other').touch()") == "EROFS"
    handed_hub._seen(state, load(state / "swap.toml").launch.hub_uid)
    assert (state / "directory-seen").stat().st_mtime == 1000, "a hub that is started again counts on"


def test_control_groups_cannot_be_reached(hubs: Hubs) -> None:
    place = next(iter(find().below.values())) / "cgroup.procs"
    attempt = f"open({str(place)!r}, 'w').close()"
    assert hubs().try_(attempt) == "ENOENT"
    assert hubs(NO_VIEW).try_(attempt) == "EACCES"
    assert hubs(NO_USER, NO_VIEW).try_(attempt) is None, "the control"


# ── what it can ask for ─────────────────────────────────────────────────────────────────────────────
WORDS = ["open", "find", "poll", "end", "finish", "met", "refused", "said"]
PORT = 23_000
"""Names cases, so it is the same in each process of a test run."""
STDIN = "(socket.socket(socket.AF_UNIX).detach(),)"


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("person", ["", "..", ".", "../homes/" + ANN, ANN + "/..", "/etc", ANN + "\0", "P" + ANN[1:]])
def test_what_is_no_persons_id_is_refused(taken: Hub, word: str, person: str) -> None:
    assert taken.raw(word, person) == "Forbidden"
    assert taken.raw(word, ANN) != "Forbidden", "the control"


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        (f"{NOBODY} {PORT} {SERVER} nobody", "NotFound"),
        (f"{ROOT} {PORT} {SERVER} root", "Forbidden"),
        (f"../{ANN} {PORT} {SERVER} ann", "Forbidden"),
        (f"{ANN} 80 {SERVER} ann", "Invalid"),
        (f"{ANN} 70000 {SERVER} ann", "Invalid"),
        (f"{ANN} -1 {SERVER} ann", "Invalid"),
        (f"{ANN} {PORT} ../{SERVER} ann", "Invalid"),
        (f"{ANN} {PORT} {SERVER}", "Invalid"),
        (f"{ANN} {PORT} {SERVER} ann /bin/sh", "Invalid"),
        (f"{ANN} {PORT} {SERVER} ann 0", "Invalid"),
    ],
)
def test_a_start_is_of_somebody_who_is_there_and_takes_nothing_else(
    taken: Hub, state: Path, asked: str, refused: str
) -> None:
    before = running.find(state, ANN)
    assert taken.raw("start", asked, STDIN) == refused
    assert running.find(state, ANN) == before
    assert not (state / "homes" / NOBODY).exists()
    assert not (state / "homes" / ROOT).exists()


@pytest.mark.parametrize(
    ("word", "name", "given"),
    [
        ("start", f"{ANN} {PORT} {SERVER} ann", "()"),
        ("start", f"{ANN} {PORT} {SERVER} ann", "(os.memfd_create('told'),)"),
        ("end", ANN, STDIN),
        ("home", ANN, "()"),
        ("use", ANN, "()"),
        ("root", "lake", "()"),
        ("start", "combiners", "()"),
        ("kill", "", "(os.pidfd_open(os.getpid()),)"),
        ("exec", "/bin/sh", "()"),
        ("END", ANN, "()"),
    ],
)
def test_its_warden_does_nothing_but_what_was_planned(taken: Hub, word: str, name: str, given: str) -> None:
    assert taken.raw(word, name, given) == "Invalid"


def test_a_server_is_its_persons_and_as_planned_and_is_told_what_its_warden_does_not_read(
    taken: Hub, state: Path
) -> None:
    assert taken.ask("open_home", ANN) > 0
    pid = taken.start(ANN)
    told = told_by(state, ANN)

    assert (told["uid"], told["name"], told["home"]) == (UIDS[ANN], "ann", f"/home/{ANN}")
    assert told["sees"] == [ANN]
    assert told["told"] == {"SWAP_PERSON_NAME": "ann", "TOLD": "x"}
    assert not {"TOLD", "SWAP_PERSON_NAME", "SWAP_TEST_LDAP", runtimes.ENVIRONMENT} & told["env"].keys()
    found = running.find(state, ANN)
    assert found is not None
    assert (found.pid, found.server_id) == (pid, SERVER)
    assert taken.try_(f"os.kill({pid}, 0)") == "EPERM", "to end it is its warden's"
    assert json.loads(taken.ask("said", ANN)) == told
    assert taken.ask("poll", ANN) is None


@pytest.mark.parametrize("name", ["root", "nobody", "ann:x:0:0", "../ann", "Ann O'Brien"])
def test_a_name_that_is_none_of_the_systems_is_a_label_nowhere(taken: Hub, state: Path, name: str) -> None:
    assert taken.ask("open_home", BOB) > 0
    assert isinstance(taken.start(BOB, name), int)
    told = told_by(state, BOB)
    assert (told["uid"], told["name"]) == (UIDS[BOB], BOB)
    assert taken.ask("end", BOB) is True


def test_of_each_person_one_server_runs_and_what_runs_is_not_forgotten(taken: Hub, state: Path) -> None:
    taken.ask("open_home", BOB)
    first = os.pidfd_open(taken.start(BOB))
    taken.ask("finish", BOB)
    kept = running.find(state, BOB)
    assert kept is not None, "it runs"
    second = taken.start(BOB, server_id="s" + "f" * 16)
    assert ended(first, 0), "the one of before has ended"
    assert taken.try_(f"ask(errands, 'find', {BOB!r}).pid") == second
    assert taken.ask("end", BOB) is True
    assert taken.ask("poll", BOB) == -signal.SIGTERM
    taken.ask("finish", BOB)
    assert taken.try_(f"ask(errands, 'find', {BOB!r})") is None
    assert taken.ask("end", BOB) is True, "there is none"
    os.close(first)


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────
LEAVES = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'], start_new_session=True).pid"


def ended(handle: int, seconds: float = 60) -> bool:
    return bool(select.select([handle], [], [], seconds)[0])


def test_a_hub_that_is_killed_leaves_nothing_but_servers_which_the_next_one_finds(
    made: dict[str, Any], state: Path
) -> None:
    hub = Hub(made, IMPORTS, SERVES)
    left = os.pidfd_open(hub.try_(LEAVES))
    hub.ask("open_home", ANN)
    server = hub.start(ANN)
    handle = os.pidfd_open(server)

    os.kill(hub.pid, signal.SIGKILL)

    assert hub.warden.process.wait(60) == -signal.SIGKILL, "it ends as the hub did"
    assert ended(left, 0)
    assert not ended(handle, 0)
    hub.close()
    following = Hub(made, IMPORTS, SERVES)
    assert following.try_(f"ask(errands, 'find', {ANN!r}).pid") == server
    assert following.ask("poll", ANN) is None
    assert following.ask("end", ANN) is True
    assert ended(handle)
    assert following.ask("poll", ANN) == 0, "nobody knows"
    following.close()
    os.close(left)
    os.close(handle)


def test_a_warden_that_is_killed_takes_the_hub_along_and_no_server(made: dict[str, Any], state: Path) -> None:
    hub = Hub(made, IMPORTS, SERVES)
    itself = os.pidfd_open(hub.pid)
    hub.ask("open_home", ANN)
    server = os.pidfd_open(hub.start(ANN))

    hub.warden.process.kill()

    assert ended(itself)
    assert not ended(server, 0)
    found = running.find(state, ANN)
    assert found is not None
    assert running.end(found)
    os.close(itself)
    os.close(server)
    hub.close()


def test_what_cannot_be_built_is_no_hub(made: dict[str, Any]) -> None:
    broken = made | {"told": made["told"] | {"view": made["told"]["view"] | {"root": "/nowhere/at/all"}}}
    started = wardens.Running(broken, program="hub")
    assert started.process.wait(60) != 0
    started.close()
