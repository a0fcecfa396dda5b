"""A portal that was taken over: what it can still do, and that each wall is what keeps it from the rest."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert

import services
import wardens
from integration.gateway.gateways import runtime_for
from integration.processes.test_warded import SETTINGS
from swap import homes, ports
from swap import runtime as runtimes
from swap.db.tables import system_user
from swap.people import service
from swap.processes import handed_web, seats
from swap.settings import load
from wardens import ALL_PROCESSES, ANY_CALL, NO_USER, NO_VIEW, OPEN_TO_ITS_LIKE, TakenOver, as_user

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be a warden")

ANN, BOB, NOBODY, ROOT = "pannaaaaaa", "pbobaaaaaa", "pnobodyaaa", "prootaaaaa"
UIDS = {ANN: 2_100_000_001, BOB: 2_100_000_002}
PRIVATE = {
    "others/database": "of the database",
    "secrets/wiki": "of the wiki",
    "logs/hub.log": "of the hub",
    "lake/table": "of the lake",
    "spool/r1.arrow": "of a query",
}
NOTEBOOK = '{"cells": [], "nbformat": 4}'

IMPORTS = "from swap.notebooks import far"
DOES_AS_TOLD = """
import errno, os, socket, sys
from swap.notebooks import at_home
def serve(home, to):
    request, _ = at_home.channel.receive(to)
    try:
        value = eval(request.get("path") or request["do"], {**globals(), "home": home._directory})
    except OSError as error:
        value = errno.errorcode[error.errno]
    at_home.channel.send(to, {"value": value})
at_home.serve = serve
"""
NOT_THE_PERSON = "from swap.walls import powers\npowers.turn_into = lambda *_: None\n"
HOME_WITHOUT_VIEW = "from swap.walls import mounts\nmounts.build = lambda plan: None\n"
HOME_WITH_NETWORK = "from swap.walls import cell\ncell.CLONE_NEWNET = 0\n"


def at_home(weaken: str) -> str:
    """Return what lets the warden begin other processes in homes."""
    program = f"{weaken}\nimport sys\nfrom swap import fork_server\nsys.argv[1:] = ['swap.notebooks.at_home', sys.argv[-1]]\nfork_server.main()"
    return f"from swap.notebooks import warden as own\nown.PROGRAM = [sys.executable, '-P', '-c', {program!r}]"


class Portal(TakenOver):
    """A portal behind its walls that does as a test says, and its warden."""

    program, warded = "serving_web", "warded_web"


@pytest.fixture(scope="module")
def state(module_database: services.Database) -> Iterator[Path]:
    """A state directory as root's SWAP has it: others may pass through, and read nothing."""
    with tempfile.TemporaryDirectory(prefix="swap-state-") as made:
        state = Path(made)
        state.chmod(0o711)
        for name, content in PRIVATE.items():
            (state / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (state / name).touch(mode=0o600)
            (state / name).write_text(content, encoding="utf-8")
        (state / "examples").mkdir(mode=0o700)
        (state / "examples" / "first.ipynb").write_text(NOTEBOOK, encoding="utf-8")
        (state / "socket").mkdir(mode=0o755)
        (state / "swap.toml").touch(mode=0o600)
        (state / "swap.toml").write_text(
            'examples = "examples"\n' + SETTINGS.format(socket=state / "socket"), encoding="utf-8"
        )
        for person, uid in UIDS.items():
            home = homes.make(state / "homes", person, uid)
            for name in ("mine.ipynb", ".hidden.ipynb", "notes.txt"):
                (home / name).write_text(f"{name} of {person}", encoding="utf-8")
                (home / name).chmod(0o600)
                os.chown(home / name, uid, uid)
        yield state


@pytest.fixture(scope="module")
def made(state: Path, module_database: services.Database) -> Iterator[dict[str, Any]]:
    """What its warden is planned to do."""
    here = runtime_for(module_database, state).model_copy(update={"homes": state / "homes"})
    runtimes.write(here, state / "runtime.json")
    told = {
        "SWAP_TEST_LDAP": "of the directory",
        "SWAP_TEST_STORE": "of the store",
        runtimes.ENVIRONMENT: str(state / "runtime.json"),
    }
    os.environ.update(told)
    yield handed_web.over(load(state / "swap.toml"), here) | {"known": {**UIDS, ROOT: 0}}
    for name in told:
        del os.environ[name]


Portals = Callable[..., Portal]


@pytest.fixture(scope="module")
def portals(made: dict[str, Any]) -> Iterator[Portals]:
    """Portals that were taken over, each with some of its walls down, or those of who is in a home."""
    known: dict[tuple[str, str], Portal] = {}

    def one(*weaken: str, home: str = "") -> Portal:
        key = "\n".join((IMPORTS, *weaken)), at_home(home) if home else ""
        if key not in known:
            known[key] = Portal(made, *key)
        return known[key]

    yield one
    for each in known.values():
        each.close()


@pytest.fixture(scope="module")
def taken(portals: Portals) -> Portal:
    """One with all of them."""
    return portals()


@pytest.fixture(scope="module")
def victim() -> Iterator[int]:
    """A process of the machine's, root's."""
    with subprocess.Popen(["sleep", "1000"], env={"SECRET": "of root"}) as process:
        yield process.pid
        process.kill()


def outcome(portal: Portal, person: str, attempt: str) -> Any:
    """Return what an attempt in a home gives the portal, or what kind of error it was."""
    return portal.try_(f"kind_of(lambda: (lambda place: {attempt})(far.Far(errands).home({person!r})))")


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


# ── what it can do to others ────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("part", ["environ", "mem", "cmdline", "root/etc/shadow"])
def test_processes_of_others_cannot_be_looked_into(portals: Portals, victim: int, part: str) -> None:
    attempt = f"open('/proc/{victim}/{part}', 'rb').close()"

    assert portals().try_(attempt) == "ENOENT"
    if part != "cmdline":
        assert portals(ALL_PROCESSES).try_(attempt) == "EACCES", "its user is enough"
    assert portals(NO_USER, ALL_PROCESSES).try_(attempt) is None, "the control"


def test_processes_of_others_cannot_be_traced(portals: Portals, victim: int) -> None:
    attempt = f"ctypes.CDLL(None).ptrace(16, {victim}, 0, 0)"

    assert portals().try_(attempt) == -1
    assert portals(ANY_CALL).try_(attempt) == -1, "its user is enough"
    # Attached, and let go again.
    let_go = f"({attempt}, os.waitpid({victim}, 0x40000000), ctypes.CDLL(None).ptrace(17, {victim}, 0, 0))[0]"
    assert portals(NO_USER, ANY_CALL).try_(let_go) == 0, "the control"


def test_processes_of_others_cannot_be_ended(portals: Portals, victim: int) -> None:
    attempt = f"os.kill({victim}, 0)"

    assert portals().try_(attempt) == "EPERM"
    assert portals().try_("os.kill(os.getppid(), 0)") == "EPERM"
    assert portals(NO_USER).try_(attempt) is None, "the control"


@pytest.mark.parametrize(
    "attempt",
    [
        "ctypes.CDLL(None).setuid(0)",
        "ctypes.CDLL(None).umount2(b'/proc', 2)",
        "ctypes.CDLL(None).unshare(0x10000000)",
        "ctypes.CDLL(None).unshare(0x20000)",
        "ctypes.CDLL(None).chroot(b'/')",
    ],
)
def test_no_power_is_left_and_none_can_be_had(taken: Portal, made: dict[str, Any], attempt: str) -> None:
    assert taken.try_(attempt) == -1
    with_all = Portal(made, f"{NO_USER}\n{ANY_CALL}")  # one of its own: it is another one afterwards
    try:
        assert with_all.try_(attempt) == 0, "the control"
    finally:
        with_all.close()


def test_it_is_a_user_without_a_power(taken: Portal) -> None:
    status = Path(f"/proc/{taken.pid}/status").read_text(encoding="ascii")
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (set(told["Uid"].split()), told["Groups"].strip()) == ({str(taken.try_("known['uid']"))}, "")
    powers = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    assert [int(told[name], 16) for name in powers] == [0] * 5
    assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize("part", ["environ", "mem", "maps", "root/run/swap"])
def test_nobody_of_its_own_user_can_look_into_it(portals: Portals, part: str) -> None:
    def look(portal: Portal) -> str:
        path = f"/proc/{portal.pid}/{part}"
        code = f"import os\ntry:\n    os.close(os.open({path!r}, os.O_RDONLY)); print('seen')\nexcept OSError as error:\n    print(error.strerror)"
        return as_user(portal.try_("known['uid']"), code)

    assert look(portals()) == "Permission denied"
    assert look(portals(OPEN_TO_ITS_LIKE)) == "seen", "the control"


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


@pytest.mark.parametrize("word", ["start", "root", "kill", "spill", "exec", "HOME", "home\0"])
def test_its_warden_does_nothing_but_what_was_planned(taken: Portal, word: str) -> None:
    assert taken.try_(ASK.format(word, ANN)) == "Invalid"


def test_who_is_nobody_gets_no_home(taken: Portal, state: Path) -> None:
    assert taken.try_(ASK.format("home", NOBODY)) == "NotFound"
    assert not (state / "homes" / NOBODY).exists()


def test_what_the_database_calls_a_person_and_is_of_the_machine_is_nobodys_home(taken: Portal, state: Path) -> None:
    """Where all of SWAP has one account at the database, the portal's can write there."""
    assert taken.try_(ASK.format("home", ROOT)) == "Forbidden"
    assert not (state / "homes" / ROOT).exists()


@pytest.mark.parametrize(
    "path",
    [
        f"../{BOB}/mine.ipynb",
        f"/{BOB}/mine.ipynb",
        ".hidden.ipynb",
        "notes.txt",
        "link.ipynb",
        "out/mine.ipynb",
        "pipe.ipynb",
        "hard.ipynb",
    ],
)
def test_in_a_home_nothing_but_visible_notebooks_of_its_person_is_touched(
    taken: Portal, state: Path, path: str
) -> None:
    home, secret = state / "homes" / ANN, state / "others" / "database"
    for name, target in (("link.ipynb", state / "homes" / BOB / "mine.ipynb"), ("out", state / "homes" / BOB)):
        if not (home / name).is_symlink():
            (home / name).symlink_to(target)
    if not (home / "pipe.ipynb").exists():
        os.mkfifo(home / "pipe.ipynb")
        os.link(secret, home / "hard.ipynb")

    assert outcome(taken, ANN, f"place.open({path!r})[0].read().decode()") == "NotFound"
    assert outcome(taken, ANN, "place.open('mine.ipynb')[0].read().decode()") == f"mine.ipynb of {ANN}", "the control"
    for attempt in (f"place.rename({path!r}, 'stolen.ipynb')", f"place.delete({path!r})"):
        if path != "hard.ipynb":  # a name in one's own home is one's own; what it is a name of stays
            assert outcome(taken, ANN, attempt) == "NotFound"
    assert outcome(taken, ANN, f"place.titles([{path!r}])") == [""]
    assert (state / "homes" / BOB / "mine.ipynb").read_text() == f"mine.ipynb of {BOB}"
    assert secret.read_text() == PRIVATE["others/database"]


def test_a_file_of_roots_is_read_in_a_home_only_by_who_is_not_its_person(portals: Portals, state: Path) -> None:
    """A hard link, which no open can tell from a file: only the rights of the person stand against it."""
    if not (state / "homes" / ANN / "hard.ipynb").exists():
        os.link(state / "others" / "database", state / "homes" / ANN / "hard.ipynb")
    attempt = "place.open('hard.ipynb')[0].read().decode()"
    assert outcome(portals(), ANN, attempt) == "NotFound"
    assert outcome(portals(home=NOT_THE_PERSON), ANN, attempt) == PRIVATE["others/database"], "the control"


@pytest.mark.parametrize(
    ("stem", "draft"),
    [
        ("../stolen", ".draft"),
        (f"../{BOB}/stolen", ".draft"),
        (".ipython/profile_default/startup/a", ".draft"),
        (".bashrc", ".draft"),
        ("a", "../draft"),
        ("a", f"/{BOB}/draft"),
        ("a", ".ssh/authorized_keys"),
    ],
)
def test_nothing_is_written_but_a_visible_notebook_at_the_top(
    taken: Portal, state: Path, stem: str, draft: str
) -> None:
    for folder in (".ssh", ".ipython/profile_default/startup"):
        (state / "homes" / ANN / folder).mkdir(parents=True, exist_ok=True)
    before = sorted(map(str, (state / "homes").rglob("*")))
    assert outcome(taken, ANN, f"place.put({stem!r}, [b'x'], {draft!r}, first=None)") == "NotFound"
    assert sorted(map(str, (state / "homes").rglob("*"))) == before
    assert outcome(taken, ANN, "place.put('made', [b'x'], '.draft', first=None)") == "made.ipynb", "the control"
    assert (state / "homes" / ANN / "made.ipynb").stat().st_uid == UIDS[ANN]
    (state / "homes" / ANN / "made.ipynb").unlink()


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(taken: Portal, state: Path) -> None:
    """A race: the folder is one's own half of the time, and a link to another's home the other half."""
    home = state / "homes" / ANN
    own, link = home / "own", home / "link"
    own.mkdir(exist_ok=True)
    (own / "mine.ipynb").write_text("mine", encoding="utf-8")
    for each in (own, own / "mine.ipynb"):
        os.chown(each, UIDS[ANN], UIDS[ANN])
    link.symlink_to(state / "homes" / BOB)
    swap = f"import ctypes, itertools\nlibc = ctypes.CDLL(None)\nfor _ in itertools.count(): libc.renameat2(-100, b'{own}', -100, b'{link}', 2)"
    with subprocess.Popen(["python3", "-c", swap]) as racing:
        try:
            seen = {outcome(taken, ANN, "place.open('own/mine.ipynb')[0].read().decode()") for _ in range(200)}
        finally:
            racing.kill()
    assert seen <= {"mine", "NotFound"}
    assert "mine" in seen, "the control: the folder was met, too"


# ── what who was taken over in a home can do ─────────────────────────────────────────────────────────
def in_home(portal: Portal, attempt: str) -> Any:
    """Return what an attempt gives a process in ann's home."""
    return portal.try_(f"far.Far(errands).ask('home', {ANN!r}, {{'do': {attempt!r}}})[0]")


def test_who_is_in_a_home_is_its_person_and_has_no_power(portals: Portals) -> None:
    portal = portals(home=DOES_AS_TOLD)
    status = in_home(portal, "open('/proc/self/status').read()")
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (set(told["Uid"].split()), told["Groups"].strip()) == ({str(UIDS[ANN])}, "")
    assert [int(told[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == [0] * 5
    assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")
    assert in_home(portal, "os.setresuid(0, 0, 0)") == "EPERM"
    assert in_home(portals(home=NOT_THE_PERSON + DOES_AS_TOLD), "os.setresuid(0, 0, 0)") is None, "the control"


def test_who_is_in_a_home_sees_nothing_but_it(portals: Portals, state: Path) -> None:
    read = f"open({str(state / 'others/database')!r}).read()"
    assert in_home(portals(home=DOES_AS_TOLD), "os.listdir(home)")
    assert in_home(portals(home=DOES_AS_TOLD), "os.stat('..', dir_fd=home).st_ino == os.fstat(home).st_ino")
    assert in_home(portals(home=DOES_AS_TOLD), f"os.listdir({str(state)!r})") == "ENOENT"
    assert in_home(portals(home=DOES_AS_TOLD), read) == "ENOENT"
    assert in_home(portals(home=HOME_WITHOUT_VIEW + DOES_AS_TOLD), read) == "EACCES", "its user is enough"


def test_who_is_in_a_home_has_no_network(portals: Portals, module_database: services.Database) -> None:
    attempt = f"socket.create_connection(('127.0.0.1', {module_database.server.port}), 5).close()"
    assert in_home(portals(home=DOES_AS_TOLD), attempt) == "ENETUNREACH"
    assert in_home(portals(home=HOME_WITH_NETWORK + DOES_AS_TOLD), attempt) is None, "the control"


def test_an_answer_from_a_home_is_not_trusted(portals: Portals) -> None:
    """Too large, no file, or nothing at all: it is its person's page alone that fails."""
    portal = portals(home=DOES_AS_TOLD)
    ask = "kind_of(lambda: far.Far(errands).ask('home', {!r}, {{'do': {!r}}}))"
    assert portal.try_(ask.format(ANN, "'x' * 20_000_000")) == "Unavailable"
    assert portal.try_(ask.format(ANN, "os._exit(1)")) == "Unavailable"
    assert portal.try_(ask.format(ANN, "to.sendall(b'half')")) == "Unavailable"
    opens = "len(os.listdir('/proc/self/fd'))"
    before = portal.try_(opens)
    many = "socket.send_fds(to, [b'\\xff' * 4], [0] * 100)"
    assert portal.try_(ask.format(ANN, many)) == "Unavailable"
    assert portal.try_(opens) == before, "what came along is not left open"
    pipe = "at_home.channel.send(to, {'value': None}, [os.pipe()[0]])"
    assert outcome(portal, ANN, f"place.open({pipe!r})") == "Unavailable", "reading it would never end"
    assert portal.try_(ask.format(BOB, "'x'")) == ["x", []], "the control"


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
    running = wardens.Running(broken, program="warded_web")
    assert running.process.wait(60) != 0
    running.close()
