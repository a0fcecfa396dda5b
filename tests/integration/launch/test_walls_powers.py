"""S05, S06: what a person's programs can do: gain no power, outlive nothing, and use no more than their limits."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import pwd
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from swap.errors import SettingsError
from swap.launch import possible
from swap.launch.limits import find
from swap.walls.kernel import NUMBERS
from town import ANN, BOB, Town, shows, unlimited, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give people walls")


@pytest.fixture
def narrow(state, forks):
    """A town with narrow limits."""
    made = Town(state, {"memory_bytes": 300_000_000, "processes": 100, "cpus": 0.2}, forks)
    yield made
    made.close()


def test_a_server_holds_no_capability_and_can_gain_none(town):
    told = town.start(
        ANN,
        """
        import json
        lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
        print(json.dumps([int(lines[name], 16) for name in lines if name.startswith("Cap")] + [lines["NoNewPrivs"].strip()]))
        """,
    ).told()

    assert told == [0, 0, 0, 0, 0, "1"]


def test_a_program_that_is_set_to_run_as_root_does_not(town):
    tools = town.state / "tools"
    tools.mkdir()
    tools.chmod(0o755)
    shutil.copy("/usr/bin/id", tools / "id")
    (tools / "id").chmod(0o4755)
    ask = f"""
        import json, subprocess
        print(json.dumps(subprocess.run([{str(tools / "id")!r}, "-u"], capture_output=True, text=True).stdout.strip()))
    """

    assert town.start(ANN, ask, shows(tools)).told() == str(ANN.uid)
    assert town.start_unwalled(ANN, ask).told() == "0", "the control"


@pytest.mark.parametrize(
    "attempt",
    [
        "libc.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None)",
        "libc.umount2(b'/usr', 2)",
        "libc.chroot(b'/tmp')",
        "libc.ptrace(16, 1, None, None)",
        "libc.kill(1, 9)",
        "libc.setuid(0)",
        "libc.mknod(b'/tmp/disk', 0o60666, 0xfe00)",
        "libc.sethostname(b'evil', 4)",
        "libc.unshare(0x20000)",
    ],
)
def test_root_alone_could_do_this(town, attempt):
    program = f"""
        import ctypes, json
        libc = ctypes.CDLL(None, use_errno=True)
        print(json.dumps([{attempt}, ctypes.get_errno()]))
    """

    assert town.start(ANN, program).told() == [-1, 1]


CALLS = {
    "a user namespace": ("unshare", "0x10000000, 0, 0, 0, 0"),
    "a user namespace among others": ("unshare", "0x10000000 | 0x40000000 | 0x20000, 0, 0, 0, 0"),
    "a process in a user namespace": ("clone", "0x10000000 | 17, 0, 0, 0, 0"),
    "the kernel's keys": ("keyctl", "0, 0xFFFFFFFD, 0, 0, 0"),
    "io_uring": ("io_uring_setup", "1, ctypes.create_string_buffer(120), 0, 0, 0"),
}


@pytest.mark.parametrize("attempt", CALLS)
def test_calls_that_attacks_on_the_kernel_begin_with_are_refused(town, attempt):
    name, arguments = CALLS[attempt]
    program = f"""
        import ctypes, json, os
        libc = ctypes.CDLL(None, use_errno=True)
        made = libc.syscall({NUMBERS[platform.machine()][name]}, {arguments})
        if made == 0 and {name == "clone"}:
            os._exit(0)
        print(json.dumps([min(made, 0), ctypes.get_errno()]))
    """

    assert town.start(ANN, program).told() == [-1, errno.EPERM]
    told = town.start(ANN, program, lambda plan: replace(plan, refuse_calls=False)).told()
    assert told == [0, 0], "the control"


def test_threads_and_processes_are_made_all_the_same(town):
    program = """
        import json, subprocess, threading
        done = []
        thread = threading.Thread(target=lambda: done.append(subprocess.run(["/bin/echo", "two"], capture_output=True, text=True).stdout))
        thread.start()
        thread.join()
        print(json.dumps(done))
    """

    assert town.start(ANN, program).told() == ["two\n"]


def test_other_peoples_servers_are_told_apart_by_uid(town):
    told = [
        town.start(seat, "import json, os; print(json.dumps([os.getuid(), os.getgid(), os.getgroups()]))").told()
        for seat in (ANN, BOB)
    ]

    assert told == [[ANN.uid, ANN.uid, []], [BOB.uid, BOB.uid, []]]


HOLD = """
    import fcntl, os, signal, sys
    held = open("held", "w")
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            fcntl.flock(held, fcntl.LOCK_EX)
            print("held", flush=True)
            signal.pause()
        os._exit(0)
    while True:
        signal.pause()
"""
"""A server with a child that hides from its process group, ignores being asked to end, and holds a lock."""


def is_held(home: Path) -> bool:
    with (home / "held").open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_everything_a_server_started_ends_with_it(town, number):
    program = town.start(ANN, HOLD)
    program.wait_for("held")
    assert is_held(town.home(ANN))

    os.killpg(program.process.pid, number)

    assert program.process.wait(60) == -number
    until(lambda: not is_held(town.home(ANN)))


def test_without_walls_a_child_that_hides_outlives_its_server(town):
    """The control of the test above."""
    home = town.home(ANN)
    program = town.start_unwalled(
        ANN,
        "import os; os.chdir('/tmp'); import tempfile; os.chdir(tempfile.mkdtemp()); print(os.getcwd(), flush=True)\n"
        + HOLD.replace("\n    ", "\n"),
    )
    program.wait_for("held")
    place = Path(program.lines[0])
    os.killpg(program.process.pid, signal.SIGTERM)
    program.process.wait(60)

    assert is_held(place)
    holder = next(
        int(line.split()[4])
        for line in Path("/proc/locks").read_text().splitlines()
        if line.split()[5].endswith(f":{(place / 'held').stat().st_ino}")
    )
    os.kill(holder, signal.SIGKILL)
    shutil.rmtree(place)
    assert home.exists()


def test_a_server_ends_in_order_when_it_is_asked(town):
    program = town.start(
        ANN,
        """
        import os, signal, sys
        # Not by print: the signal may come while that still works on the word before.
        signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"in order\\n"), sys.exit(7)))
        print("ready", flush=True)
        while True:
            signal.pause()
        """,
    )
    program.wait_for("ready")

    os.killpg(program.process.pid, signal.SIGTERM)

    assert program.process.wait(60) == 7
    assert program.lines[-1] == "in order"


BOMB = """
    import json, os, signal
    started = 0
    try:
        while started < 150:
            if os.fork() == 0:
                signal.pause()
            started += 1
    except OSError as error:
        pass
    print(json.dumps(started))
"""


def test_a_fork_bomb_stays_within_its_persons_limit(narrow):
    assert narrow.start(ANN, BOMB).told() < 100
    assert narrow.launcher.limits_met(ANN.person_id) == {"processes": "It met its limit of 100 processes and threads."}
    assert narrow.start(ANN, BOMB, unlimited).told() == 150, "the control"


def test_a_fork_bomb_takes_no_process_from_somebody_else(narrow):
    bomb = narrow.start(ANN, BOMB.replace("print(json.dumps(started))", "print('full', flush=True); signal.pause()"))
    bomb.wait_for("full")

    assert narrow.start(BOB, BOMB.replace("150", "50")).told() == 50


FILL = """
    import json
    kept = bytearray(400_000_000)
    kept[::4096] = b"x" * len(kept[::4096])
    print(json.dumps(len(kept)))
"""


def test_too_much_memory_ends_the_program_that_took_it_and_says_so(narrow):
    program = narrow.start(ANN, FILL)

    assert program.process.wait(60) == -signal.SIGKILL
    assert narrow.launcher.limits_met(ANN.person_id) == {"memory": "It met its limit of 0.3 GB of memory."}
    assert narrow.start(ANN, FILL, unlimited).told() == 400_000_000, "the control"


RAISE = """
    import glob, json, os
    tried = {}
    for path in glob.glob("/sys/fs/cgroup/**", recursive=True):
        if os.path.isfile(path):
            try:
                open(path, "r+").close()
                tried[path] = "open"
            except OSError as error:
                tried[path] = error.strerror
    print(json.dumps([tried, open("/sys/fs/cgroup/memory/memory.limit_in_bytes").read().strip()]))
"""


def test_a_limit_is_seen_and_not_raised(narrow):
    tried, limit = narrow.start(ANN, RAISE).told()

    assert "/sys/fs/cgroup/memory/memory.limit_in_bytes" in tried
    assert set(tried.values()) <= {"Read-only file system", "Permission denied"}
    assert int(limit) == pytest.approx(300_000_000, abs=4096)
    group = find().below["memory"] / "swap" / narrow.launcher.group(ANN.person_id)
    (group / "memory.soft_limit_in_bytes").write_text("400000000", encoding="ascii")  # the control: who may, can


def test_memory_that_is_shared_or_in_a_file_of_memory_counts_too(narrow):
    fill = """
        import os
        for place in ("/dev/shm/a", "/run/swap/b"):
            with open(place, "wb") as file:
                for _ in range(200):
                    file.write(bytes(1_000_000))
        print('"full"')
    """

    assert narrow.start(ANN, fill).process.wait(60) != 0
    assert narrow.start(ANN, fill, unlimited).told() == "full", "the control"


def test_a_program_that_computes_without_end_is_slowed_down(narrow):
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint('true')"
    group = find().below["cpu"] / "swap" / narrow.launcher.group(ANN.person_id) / "cpu.stat"

    def throttled():
        return int(dict(line.split() for line in group.read_text().splitlines())["nr_throttled"])

    narrow.start(ANN, burn, unlimited).told()
    assert throttled() == 0, "the control"
    narrow.start(ANN, burn).told()
    assert throttled() > 0


def test_what_limited_an_ended_server_is_taken_away(narrow):
    narrow.start(ANN, "print('true')").told()
    group = find().below["memory"] / "swap" / narrow.launcher.group(ANN.person_id)
    assert group.exists()

    narrow.launcher.clean(ANN.person_id)

    assert not group.exists()


def test_this_machine_enforces_every_limit():
    assert find().missing == ()


@pytest.mark.parametrize("command", [["config", "check"], ["up"]], ids=" ".join)
def test_without_root_swap_refuses_to_start_and_says_why(town, command):
    """Told by the command itself, run as a person, who is not root."""
    town.launcher.open_home(ANN)
    config = town.home(ANN) / "swap.toml"
    text = 'state = "state"\npeople.file = "people.toml"\nlaunch.isolation = "{}"\n'
    run = f"""
        import json, subprocess, sys
        told = subprocess.run([sys.executable, "-P", "-m", "swap.cli", *{command!r}], capture_output=True, text=True, timeout=60)
        print(json.dumps([told.returncode, told.stdout]))
    """

    config.write_text(text.format("user"), encoding="utf-8")
    config.chmod(0o644)
    status, said = town.start(ANN, run).told()
    assert status == 1
    assert 'launch.isolation is "user", and SWAP does not run as root.' in said
    assert 'set launch.isolation to "none"' in said
    if command != ["up"]:
        config.write_text(text.format("none"), encoding="utf-8")
        assert town.start(ANN, run).told()[0] == 0, "the control"


def test_a_user_who_is_somebody_already_is_made_no_program_of_swaps(town):
    nobody = pwd.getpwnam("nobody").pw_uid
    launch = town.settings.launch.model_copy(update={"first_uid": nobody - 3, "uids": 4})
    assert launch.readers_uid == nobody

    with pytest.raises(SettingsError) as caught:
        possible.require(town.settings.model_copy(update={"launch": launch}))

    assert "launch.first_uid" in caught.value.problem.todo
    possible.require(town.settings)  # the control
