"""What a portal that was taken over can do in homes, and who was taken over while in one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import services
from integration.processes.portals import (
    ANN,
    BOB,
    DOES_AS_TOLD,
    HOME_WITH_NETWORK,
    HOME_WITHOUT_VIEW,
    NOT_THE_PERSON,
    PRIVATE,
    UIDS,
    Portal,
    Portals,
    outcome,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be a warden")


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
