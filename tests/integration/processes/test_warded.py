"""A gateway that was taken over: what it can still do, and that each wall is what keeps it from the rest."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import services
import wardens
from integration.gateway.gateways import runtime_for
from swap.processes import handed
from swap.settings import load
from wardens import ALL_PROCESSES, ANY_CALL, NO_USER, NO_VIEW, OPEN_TO_ITS_LIKE, TakenOver, as_user

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be a warden")

SETTINGS = """\
state = "."
launch.isolation = "user"
database.password = {{ file = "others/database" }}
[people]
authenticator = "ldap"
[people.ldap]
servers = ["ldaps://ldap.example.org"]
bind_dn = "cn=swap"
bind_password = {{ env = "SWAP_TEST_LDAP" }}
base = "dc=example"
allowed_groups = ["analysts"]
[sources.lake]
kind = "files"
root = "lake"
[sources.wiki]
kind = "mysql"
shards.s1 = {{ server = "127.0.0.1:1", databases_file = "secrets/databases" }}
accounts = [{{ group = "analysts", user = "analyst", password = {{ file = "secrets/wiki" }} }}]
ca = "secrets/ca.pem"
[sources.store]
kind = "postgres"
host = "{socket}"
database = "store"
user = "reader"
password = {{ env = "SWAP_TEST_STORE" }}
[sources.hive]
kind = "hive"
servers = ["127.0.0.1:1"]
[sources.hive.kerberos]
principal = "swap/host@EXAMPLE.ORG"
keytab = "secrets/swap.keytab"
"""
PRIVATE = {
    "others/database": "of the database",
    "homes/pannaaaaaa/notes": "of ann",
    "secrets/wiki": "of the wiki",
    "secrets/ca.pem": "an authority",
    "secrets/databases": "enwiki",
    "secrets/swap.keytab": "of Hive",
    "logs/hub.log": "of the hub",
    "runtime.json": "of all",
    "lake/table": "of the lake",
}


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
        (state / "socket").mkdir(mode=0o755)
        (state / "spool").mkdir(mode=0o700)
        (state / "spool" / "r1.arrow").write_bytes(b"of a run before")
        (state / "tables").mkdir(mode=0o700)
        (state / "tables" / "rows.parquet").write_bytes(b"of a gateway before")
        (state / "swap.toml").touch(mode=0o600)
        (state / "swap.toml").write_text(SETTINGS.format(socket=state / "socket"), encoding="utf-8")
        yield state


@pytest.fixture(scope="module")
def made(state: Path, module_database: services.Database) -> dict[str, Any]:
    """What its warden is planned to do."""
    os.environ.update({"SWAP_TEST_LDAP": "of the directory", "SWAP_TEST_STORE": "of the store"})
    try:
        return handed.over(load(state / "swap.toml"), runtime_for(module_database, state))
    finally:
        del os.environ["SWAP_TEST_LDAP"], os.environ["SWAP_TEST_STORE"]


Gateways = Callable[..., TakenOver]


@pytest.fixture(scope="module")
def gateways(made: dict[str, Any]) -> Iterator[Gateways]:
    """Gateways that were taken over, each with some of its walls down."""
    known: dict[str, TakenOver] = {}

    def one(*weaken: str) -> TakenOver:
        key = "\n".join(weaken)
        if key not in known:
            known[key] = TakenOver(made, key)
        return known[key]

    yield one
    for each in known.values():
        each.close()


@pytest.fixture(scope="module")
def taken(gateways: Gateways) -> TakenOver:
    """One with all of them."""
    return gateways()


# ── what it can read ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", [*PRIVATE, "swap.toml"])
def test_files_of_swap_and_of_people_are_not_there_and_view_and_user_are_each_enough(
    state: Path, gateways: Gateways, name: str
) -> None:
    attempt = f"Path({str(state / name)!r}).read_text()"

    assert gateways().try_(attempt) == "ENOENT"
    assert gateways(NO_USER).try_(attempt) == "ENOENT"
    assert gateways(NO_VIEW).try_(attempt) == "EACCES"
    assert gateways(NO_USER, NO_VIEW).try_(attempt) == (state / name).read_text(), "the control"


@pytest.mark.parametrize("path", ["/etc/shadow", "/home", "/var/lib", "/opt", "/boot"])
def test_of_the_machine_only_programs_are_there(gateways: Gateways, path: str) -> None:
    attempt = f"os.path.exists({path!r})"
    assert gateways().try_(attempt) is False
    if Path(path).exists():
        assert gateways(NO_VIEW).try_(attempt) is True, "the control"


def test_it_is_told_its_own_secrets_and_nobody_elses(taken: TakenOver, module_database: services.Database) -> None:
    told = json.dumps(taken.try_("known"))
    runtime = taken.try_("known['runtime']")

    assert set(runtime["database_urls"]) == {"gateway"}
    assert (runtime["kernel_key"], runtime["portal_key"]) == ("k" * 40, "p" * 40)
    assert [runtime[name] for name in ("traefik_api_password", "web_service_token", "hub_cookie_secret")] == [""] * 3
    assert all(url not in told for role, url in module_database.urls().items() if role != "gateway")
    assert all(content not in told for content in PRIVATE.values() if content != "enwiki")
    assert "of the directory" not in told


def test_of_the_environment_it_has_the_variables_of_its_sources(taken: TakenOver, state: Path) -> None:
    seen = taken.try_("dict(os.environ)")
    assert seen["SWAP_TEST_STORE"] == "of the store"
    assert "SWAP_TEST_LDAP" not in seen
    assert not [value for value in seen.values() if "of the directory" in value]


def test_what_its_sources_files_hold_it_finds_where_its_settings_say(taken: TakenOver) -> None:
    wiki, hive = "known['settings']['sources']['wiki']", "known['settings']['sources']['hive']"
    for place, content in (
        (f"{wiki}['accounts'][0]['password']['file']", "of the wiki"),
        (f"{wiki}['ca']", "an authority"),
        (f"{wiki}['shards']['s1']['databases_file']", "enwiki"),
        (f"{hive}['kerberos']['keytab']", "of Hive"),
    ):
        assert taken.try_(f"Path({place}).read_text()") == content
    assert "localhost" in taken.try_("Path('/etc/hosts').read_text()")


def test_the_copies_are_its_alone_and_it_cannot_change_them(taken: TakenOver, state: Path) -> None:
    wiki = "known['settings']['sources']['wiki']['accounts'][0]['password']['file']"

    assert taken.try_(f"(os.stat({wiki}).st_mode & 0o777, os.stat({wiki}).st_uid)") == [0o440, 0]
    assert taken.try_(f"os.stat({wiki}).st_gid == known['uid']") is True
    assert taken.try_("(os.stat('/run/swap').st_mode & 0o777, os.stat('/run/swap').st_uid)") == [0o750, 0]
    assert taken.try_(f"Path({wiki}).write_text('x')") in {"EACCES", "EROFS"}
    assert taken.try_("Path('/run/swap/new').touch()") in {"EACCES", "EROFS"}
    # In memory, and for nobody outside: not even root finds them by their path.
    assert list((state / "gateway" / "copies").iterdir()) == []


def test_a_secret_that_is_replaced_is_the_new_one_within_a_second(taken: TakenOver, state: Path) -> None:
    """Waited for until it has come; the harness ends a test in which it does not."""
    place = "Path(known['settings']['sources']['wiki']['accounts'][0]['password']['file'])"
    own = state / "secrets" / "wiki"
    try:
        draft = state / "secrets" / "new"
        draft.touch(mode=0o600)
        draft.write_text("a new one")
        draft.replace(own)
        wardens.until(lambda: taken.try_(f"{place}.read_text()") == "a new one", 2)

        own.write_text("written over")
        wardens.until(lambda: taken.try_(f"{place}.read_text()") == "written over", 2)

        own.unlink()
        wardens.until(lambda: taken.try_(f"{place}.exists()") is False, 2)
    finally:
        own.touch(mode=0o600)
        own.write_text(PRIVATE["secrets/wiki"])
    wardens.until(lambda: taken.try_(f"{place}.exists()"), 2)


def test_its_spool_is_its_own_also_what_a_gateway_of_before_left(taken: TakenOver, state: Path) -> None:
    spool = "Path(known['runtime']['spool'])"
    assert taken.try_(f"(({spool} / 'r1.arrow').read_text())") == "of a run before"
    assert taken.try_(f"({spool} / 'r2.arrow').write_text('new')") == 3
    assert {each.stat().st_uid for each in (state / "spool").iterdir()} == {taken.try_("known['uid']")}


def test_result_tables_are_its_own_and_are_opened_for_who_reads_them(
    taken: TakenOver, state: Path, made: dict[str, Any]
) -> None:
    tables = state / "tables"
    assert taken.try_(f"(Path({str(tables)!r}) / 'rows.parquet').read_text()") == "of a gateway before"
    assert taken.try_(f"(Path({str(tables)!r}) / 'new').write_text('new')") == 3
    assert {each.stat().st_uid for each in (tables, *tables.iterdir())} == {made["uid"]}
    assert tables.stat().st_mode & 0o777 == 0o700
    assert made["roots"]["reports"] == str(tables)


def test_temporary_files_are_in_the_spool(taken: TakenOver) -> None:
    """A table of one's own is one, while it comes in."""
    attempt = "__import__('tempfile').gettempdir()"
    assert taken.try_(attempt) == taken.try_("known['runtime']['spool']")
    assert taken.try_("__import__('tempfile').TemporaryFile().write(b'rows')") == 4


# ── what it can do to others ────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("part", ["environ", "mem", "cmdline", "root/etc/shadow"])
def test_processes_of_others_cannot_be_looked_into(gateways: Gateways, victim: int, part: str) -> None:
    attempt = f"open('/proc/{victim}/{part}', 'rb').close()"

    assert gateways().try_(attempt) == "ENOENT"
    if part != "cmdline":
        assert gateways(ALL_PROCESSES).try_(attempt) == "EACCES", "its user is enough"
    assert gateways(NO_USER, ALL_PROCESSES).try_(attempt) is None, "the control"


def test_its_warden_is_not_to_be_seen(gateways: Gateways) -> None:
    warden = "os.path.exists(f'/proc/{os.getppid()}')"
    # Of its own user there may be more: another gateway, of a test beside this one.
    users = "sorted({os.stat(f'/proc/{each}').st_uid for each in os.listdir('/proc') if each.isdigit()})"

    assert gateways().try_(warden) is False
    assert gateways().try_(users) == [gateways().try_("known['uid']")]
    assert gateways(ALL_PROCESSES).try_(warden) is True, "the control"
    assert 0 in gateways(ALL_PROCESSES).try_(users), "the control"


def test_processes_of_others_cannot_be_traced(gateways: Gateways, victim: int) -> None:
    attempt = f"ctypes.CDLL(None).ptrace(16, {victim}, 0, 0)"

    assert gateways().try_(attempt) == -1
    assert gateways(ANY_CALL).try_(attempt) == -1, "its user is enough"
    # Attached, and let go again.
    assert (
        gateways(NO_USER, ANY_CALL).try_(
            f"({attempt}, os.waitpid({victim}, 0x40000000), ctypes.CDLL(None).ptrace(17, {victim}, 0, 0))[0]"
        )
        == 0
    ), "the control"


def test_processes_of_others_cannot_be_ended(gateways: Gateways, victim: int) -> None:
    attempt = f"os.kill({victim}, 0)"

    assert gateways().try_(attempt) == "EPERM"
    assert gateways().try_("os.kill(os.getppid(), 0)") == "EPERM"
    assert gateways(NO_USER).try_(attempt) is None, "the control"


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
def test_no_power_is_left_and_none_can_be_had(taken: TakenOver, made: dict[str, Any], attempt: str) -> None:
    assert taken.try_(attempt) == -1
    with_all = TakenOver(made, f"{NO_USER}\n{ANY_CALL}")  # one of its own: it is another one afterwards
    try:
        assert with_all.try_(attempt) == 0, "the control"
    finally:
        with_all.close()


def test_it_is_a_user_without_a_power(taken: TakenOver) -> None:
    status = Path(f"/proc/{taken.pid}/status").read_text(encoding="ascii")
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (set(told["Uid"].split()), told["Groups"].strip()) == ({str(taken.try_("known['uid']"))}, "")
    powers = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    assert [int(told[name], 16) for name in powers] == [0] * 5
    assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")


# ── what its like can do to it ──────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("part", ["environ", "mem", "maps", "root/run/swap"])
def test_nobody_of_its_own_user_can_look_into_it(gateways: Gateways, part: str) -> None:
    def look(gateway: TakenOver) -> str:
        path = f"/proc/{gateway.pid}/{part}"
        code = f"import os\ntry:\n    os.close(os.open({path!r}, os.O_RDONLY)); print('seen')\nexcept OSError as error:\n    print(error.strerror)"
        return as_user(gateway.try_("known['uid']"), code)

    assert look(gateways()) == "Permission denied"
    assert look(gateways(OPEN_TO_ITS_LIKE)) == "seen", "the control"


def test_nobody_of_its_own_user_can_trace_it(gateways: Gateways) -> None:
    def trace(gateway: TakenOver) -> str:
        code = f"import ctypes; print(ctypes.CDLL(None).ptrace(0x4206, {gateway.pid}, 0, 0))"
        return as_user(gateway.try_("known['uid']"), code)

    assert trace(gateways()) == "-1"
    assert trace(gateways(OPEN_TO_ITS_LIKE)) == "0", "the control"


def test_nor_into_what_reads_from_servers_for_it(gateways: Gateways) -> None:
    """A reader holds a store's password while it reads, and is of the gateway's user."""
    start = "(globals().setdefault('reader', forking.shared(__import__('swap.connectors.process', fromlist=['x']).PROGRAM).fork()).pid)"

    def look(gateway: TakenOver) -> str:
        code = f"import os\ntry:\n    os.close(os.open('/proc/{gateway.try_(start)}/mem', os.O_RDONLY)); print('seen')\nexcept OSError as error:\n    print(error.strerror)"
        return as_user(gateway.try_("known['uid']"), code)

    assert look(gateways()) == "Permission denied"
    assert look(gateways("del os.environ[cell.CLOSED]")) == "seen", "the control"


# ── what it can ask for ─────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "request_", [b"root /", b"root ../..", b"root wiki", b"start /bin/sh", b"start gateway", b"spawn", b"kill 1"]
)
def test_its_warden_does_nothing_but_what_was_planned(taken: TakenOver, request_: bytes) -> None:
    assert taken.try_(f"forge(errands, {request_!r})") == "EPERM"
    assert taken.try_("forge(errands, b'root lake')") is None, "the control"


def test_its_warden_ends_nobody_for_it(taken: TakenOver, victim: int) -> None:
    for pid in (str(victim), "os.getppid()", "1"):
        assert taken.try_(f"forge(errands, b'kill ', os.pidfd_open({pid}))") == "EPERM"
    fork = "globals().setdefault('made', forking.warded(errands, 'combiners').fork()).handle"
    assert taken.try_(f"forge(errands, b'kill ', {fork})") is None, "the control"


def test_its_warden_clears_nothing_of_somebody_elses(taken: TakenOver) -> None:
    for place in ("known['runtime']['spool']", "'/'", "'/run/swap'"):
        assert taken.try_(f"forge(errands, b'clear ', os.open({place}, os.O_PATH))") == "EPERM"
    assert taken.try_("forge(errands, b'clear ', errands.spill())") is None, "the control"


def test_files_that_root_alone_may_read_are_not_open_to_it_through_their_root(gateways: Gateways) -> None:
    """What reads them is another user, and has a power for it."""
    listing = "os.listdir(f'/proc/self/fd/{errands.root(\"lake\")}')"
    inside, above = (
        f"os.open({path!r}, os.O_RDONLY, dir_fd=errands.root('lake')) > 0" for path in ("table", "../secrets/wiki")
    )

    assert [gateways().try_(each) for each in (listing, inside, above)] == ["EACCES"] * 3
    assert gateways(NO_USER).try_(listing) == ["table"], "the control"
    assert gateways(NO_USER).try_(inside) is True, "the control"
    assert gateways(NO_USER).try_(above) == "ENOENT", "also for root no way leads up"


def test_a_combiners_directory_is_not_open_to_it(taken: TakenOver) -> None:
    assert taken.try_("os.listdir(f'/proc/self/fd/{errands.spill()}')") == "EACCES"
    assert taken.try_("os.open('new', os.O_CREAT | os.O_WRONLY, dir_fd=errands.spill())") == "EACCES"


# ── ends ────────────────────────────────────────────────────────────────────────────────────────────
def ended(handle: int, seconds: float = 20) -> bool:
    return bool(select.select([handle], [], [], seconds)[0])


START = "globals().setdefault('made', [forking.warded(errands, each).fork() for each in ('combiners', 'readers')])"
LEAVES = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'], start_new_session=True).pid"


def test_a_gateway_that_is_killed_takes_its_cells_and_all_that_it_left_along(made: dict[str, Any]) -> None:
    gateway = TakenOver(made)
    cells = [os.pidfd_open(pid) for pid in gateway.try_(f"[each.pid for each in {START}]")]
    left = os.pidfd_open(gateway.try_(LEAVES))

    os.kill(gateway.pid, signal.SIGKILL)

    assert gateway.warden.process.wait(30) == -signal.SIGKILL, "it ends as the gateway did"
    assert all(ended(each, 0) for each in (*cells, left))
    for each in (*cells, left):
        os.close(each)
    gateway.close()


def test_without_its_warden_what_it_left_would_go_on(made: dict[str, Any]) -> None:
    gateway = TakenOver(made, "", "warden.Warden._end_all = lambda *_: None")
    pid = gateway.try_(LEAVES)
    left = os.pidfd_open(pid)
    os.kill(gateway.pid, signal.SIGKILL)
    gateway.warden.process.wait(30)
    assert not ended(left, 0), "the control"
    os.kill(pid, signal.SIGKILL)
    assert ended(left)
    os.close(left)
    gateway.close()


def test_a_warden_that_is_killed_takes_the_gateway_and_its_cells_along(made: dict[str, Any]) -> None:
    gateway = TakenOver(made)
    cells = [os.pidfd_open(pid) for pid in gateway.try_(f"[each.pid for each in {START}]")]
    itself = os.pidfd_open(gateway.pid)

    gateway.warden.process.kill()

    assert all(ended(each) for each in (itself, *cells))
    for each in (itself, *cells):
        os.close(each)
    gateway.close()


def test_a_stop_is_passed_on(made: dict[str, Any]) -> None:
    gateway = TakenOver(made)
    assert gateway.warden.end(signal.SIGTERM) == -signal.SIGTERM
    gateway.close()


def test_what_cannot_be_built_is_no_gateway(made: dict[str, Any]) -> None:
    broken = made | {"told": made["told"] | {"view": made["told"]["view"] | {"root": "/nowhere/at/all"}}}
    running = wardens.Running(broken)
    assert running.process.wait(30) != 0
    running.close()


def test_a_spool_that_was_deleted_ends_it_and_it_is_started_again_with_another(
    made: dict[str, Any], state: Path
) -> None:
    spool = state / "another"
    spool.mkdir(mode=0o700)
    os.chown(spool, made["uid"], made["uid"])
    view = made["told"]["view"] | {"home": [(str(spool), str(spool))]}
    gateway = TakenOver(made | {"told": made["told"] | {"view": view}, "needs": str(spool)})
    assert gateway.try_(f"Path({str(spool / 'r')!r}).write_text('here')") == 4
    shutil.rmtree(spool)

    assert gateway.warden.process.wait(30) == -signal.SIGTERM
    gateway.close()
