"""S01, S02: what one person's programs see of another's files and processes.  Each wall is tried with the other down."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from town import ANN, BOB, SECRET, as_planned, both, runs_as, shows

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give people walls")

READ = """
    import json, os
    try:
        print(json.dumps(open(os.environ["WANTED"]).read()))
    except OSError as error:
        print(json.dumps(type(error).__name__))
"""

WATCH = """
    import json, os
    found = []
    for pid in filter(str.isdigit, os.listdir(os.environ["PROC"])):
        for file in ("cmdline", "environ"):
            try:
                found.append(open(f"{os.environ['PROC']}/{pid}/{file}").read())
            except OSError:
                pass
    print(json.dumps(["wait-" + "for-ann" in " ".join(found), "the-secret-" + "of-bob" in " ".join(found)]))
"""

LIVE = """
    import ctypes, signal
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # to its own user it is open, as any program: what is forked is closed
    print("lives", flush=True)
    signal.pause()  # wait-for-ann
"""


@pytest.fixture
def bobs_file(town):
    """Return a file of bob's home, as open as bob can make it."""
    town.launcher.open_home(BOB)
    path = town.home(BOB) / "secret.txt"
    path.write_text(SECRET, encoding="utf-8")
    path.chmod(0o666)
    return path


def attack(town, wanted, weaken=as_planned):
    return town.start(ANN, READ, weaken, WANTED=str(wanted)).told()


def test_the_home_of_another_person_is_not_there(town, bobs_file):
    assert attack(town, bobs_file) == "FileNotFoundError"


def test_the_home_of_another_person_is_closed_even_where_it_can_be_seen(town, bobs_file):
    assert attack(town, bobs_file, shows(town.home(BOB))) == "PermissionError"


def test_the_home_of_another_person_is_not_there_even_for_the_same_user(town, bobs_file):
    assert attack(town, bobs_file, opened_as(BOB, town)) == "FileNotFoundError"


def test_with_both_walls_down_the_home_of_another_person_is_read(town, bobs_file):
    """The control of the three above."""
    assert attack(town, bobs_file, both(shows(town.home(BOB)), opened_as(BOB, town))) == SECRET


def opened_as(seat, town):
    """Return what runs a program as somebody else, with that person's own directories."""
    home = ((str(town.home(seat)), str(town.launcher.places(ANN.person_id).home)),)
    scratch = ((str(town.state / "tmp" / seat.person_id), "/tmp"),)
    return both(runs_as(seat), lambda plan: replace(plan, view=replace(plan.view, home=home, scratch=scratch)))


def test_a_link_out_of_the_home_leads_nowhere(town, bobs_file):
    town.launcher.open_home(ANN)
    for home in (town.home(ANN), town.home(BOB)):
        (home / "link").symlink_to(bobs_file)
    (town.home(ANN) / "shadow").symlink_to("/etc/shadow")

    assert attack(town, "link") == "FileNotFoundError"
    assert attack(town, "shadow") == "FileNotFoundError"
    assert attack(town, "link", both(shows(town.home(BOB)), opened_as(BOB, town))) == SECRET, "the control"


@pytest.mark.parametrize(
    "wanted",
    ["/etc/shadow", "/etc/hostname/..", "../pbobaaaaaa/secret.txt", "/proc/1/root/etc/shadow", "/proc/1/environ"],
)
def test_what_is_not_on_the_list_cannot_be_read(town, bobs_file, wanted):
    assert attack(town, wanted) in {"FileNotFoundError", "PermissionError", "IsADirectoryError", "NotADirectoryError"}


def test_the_state_of_swap_is_not_there(town):
    kept = town.state / "runtime.json"
    kept.write_text(SECRET, encoding="utf-8")
    kept.chmod(0o644)

    assert attack(town, kept) == "FileNotFoundError"
    assert attack(town, kept, shows(town.state)) == SECRET, "the control"


def test_another_persons_temporary_files_are_not_there(town):
    town.start(BOB, f"open('/tmp/kept', 'w').write('{SECRET}'); import os; os.chmod('/tmp/kept', 0o644)").process.wait()

    assert attack(town, "/tmp/kept") == "FileNotFoundError"
    assert attack(town, "/tmp/kept", opened_as(BOB, town)) == SECRET, "the control"


def test_temporary_files_end_with_the_server(town):
    town.start(ANN, "open('/tmp/kept', 'w').write('mine'); open('/var/tmp/kept').read()").process.wait()

    assert attack(town, "/tmp/kept") == "FileNotFoundError"


@pytest.fixture
def bob_lives(town):
    """A server of bob's, whose command line says `wait-for-ann` and whose environment holds a secret."""
    program = town.start(BOB, LIVE, OWN=SECRET)
    program.wait_for("lives")
    return program


def watch(town, weaken=as_planned, proc="/proc"):
    return town.start(ANN, WATCH, weaken, PROC=proc).told()


def shows_the_machines_processes(plan):
    return replace(plan, view=replace(plan.view, readable=(*plan.view.readable, ("/proc", "/machine"))))


@pytest.mark.usefixtures("bob_lives")
class TestProcesses:
    def test_other_people_have_no_processes(self, town):
        assert watch(town) == [False, False]

    def test_a_process_that_can_be_seen_keeps_its_environment(self, town):
        assert watch(town, shows_the_machines_processes, "/machine") == [True, False]

    def test_with_both_walls_down_the_environment_of_another_is_read(self, town):
        weak = both(shows_the_machines_processes, opened_as(BOB, town))
        assert watch(town, weak, "/machine") == [True, True]


def test_a_person_has_a_name_of_their_own_and_sees_nobody_elses(town):
    told = town.start(
        ANN,
        """
        import json, os, pwd, grp
        me = pwd.getpwuid(os.getuid())
        print(json.dumps([[each.pw_name for each in pwd.getpwall()], me.pw_name, me.pw_dir, grp.getgrgid(os.getgid()).gr_name]))
        """,
    ).told()

    assert told == [["root", "ann", "nobody"], "ann", f"/home/{ANN.person_id}", "ann"]


def test_the_environment_is_what_the_launch_says_and_secrets_come_on_the_standard_input(town):
    program = town.start(
        ANN,
        "import json, os, sys; print(json.dumps([dict(os.environ), json.load(sys.stdin)]))",
        secrets={"CREDENTIAL": "s3cret"},
        TZ="UTC",
    )

    environ, secrets = program.told()
    environ.pop("LC_CTYPE", None)  # Python's own
    assert environ == {"PATH": "/usr/bin:/bin", "HOME": f"/home/{ANN.person_id}", "TZ": "UTC"}
    assert secrets == {"CREDENTIAL": "s3cret"}


def test_files_of_the_view_cannot_be_changed(town):
    shared = town.state / "shared"
    shared.mkdir()
    (shared / "program.py").write_text("", encoding="utf-8")
    for path in (shared, shared / "program.py"):
        path.chmod(0o777)
    write = f"""
        import json
        try:
            print(json.dumps(open({str(shared / "program.py")!r}, "w").write("evil")))
        except OSError as error:
            print(json.dumps(error.strerror))
    """

    def writable(plan):
        return replace(plan, view=replace(plan.view, scratch=(*plan.view.scratch, (str(shared), str(shared)))))

    assert town.start(ANN, write, shows(shared)).told() == "Read-only file system"
    assert town.start(ANN, write, writable).told() == len("evil"), "the control"


def test_nothing_starts_behind_half_a_wall(town):
    program = town.start(ANN, "print('it runs')", shows(Path("/not/there")))

    assert program.process.wait(60) == 3
    assert "it runs" not in program.lines
    assert "could not be built" in program.lines[-1]
    assert "/not/there" in program.lines[-1]


def test_a_home_of_another_user_is_not_entered(town):
    town.launcher.open_home(BOB)
    town.home(BOB).rename(town.home(ANN))

    with pytest.raises(Exception, match="belongs to somebody else"):
        town.launcher.open_home(ANN)
