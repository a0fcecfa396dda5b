"""S06: one person's files fill that person's disk, and nobody else's."""

from __future__ import annotations

import os
import shutil

import pytest

import wardens
from swap import disks
from swap.errors import Unavailable
from swap.launch.running import note_end
from swap.walls.enter import LOG_BYTES
from town import ANN, BOB, Town

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount disks")

DISK_BYTES = 60_000_000

FILL = """
    import json, os
    written = 0
    try:
        with open(os.environ["PLACE"], "wb") as file:
            while written < 100_000_000:
                written += file.write(bytes(1_000_000))
        print(json.dumps("no end"))
    except OSError as error:
        print(json.dumps(error.strerror))
"""

MANY = """
    import json, os
    os.mkdir("many")
    try:
        for number in range(40_000):
            os.close(os.open(f"many/{number}", os.O_CREAT | os.O_WRONLY))
        print(json.dumps("no end"))
    except OSError as error:
        print(json.dumps(error.strerror))
"""


@pytest.fixture
def shared_disk(tmp_path):
    """Another town, whose people share the machine's disk."""
    tmp_path.chmod(0o711)
    made = Town(tmp_path)
    yield made
    made.close()


@pytest.fixture
def disk_town(state, forks):
    made = Town(state, {"disk_bytes": DISK_BYTES}, forks)
    yield made
    made.close()
    disks.close_all(made.state, made.runtime.homes)


@pytest.mark.parametrize("place", ["file", "/tmp/file", "/var/tmp/file"])
def test_a_disk_that_is_full_is_the_persons_own(disk_town, shared_disk, place):
    assert disk_town.start(ANN, FILL, PLACE=place).told() == "No space left on device"
    assert disk_town.start(BOB, "open('mine', 'wb').write(bytes(20_000_000)); print('true')").told() is True
    assert shared_disk.start(ANN, FILL, PLACE=place).told() == "no end", "the control"


def test_so_is_one_with_too_many_files(disk_town, shared_disk):
    assert disk_town.start(ANN, MANY).told() == "No space left on device"
    assert disk_town.start(BOB, "open('mine', 'wb'); print('true')").told() is True
    assert shared_disk.start(ANN, MANY).told() == "no end", "the control"


def test_what_a_home_held_before_is_on_its_new_disk(state, disk_town):
    plain = Town(state)
    plain.start(
        ANN, "import os; open('kept', 'w').write('mine'); os.symlink('/etc/shadow', 'link'); print('true')"
    ).told()

    program = "import json, os; print(json.dumps([open('kept').read(), os.stat('kept').st_uid, os.readlink('link')]))"
    assert disk_town.start(ANN, program).told() == ["mine", ANN.uid, "/etc/shadow"]
    assert (state / "disks" / f"{ANN.person_id}.before" / "kept").read_text(encoding="utf-8") == "mine"


def test_a_home_that_does_not_fit_stays_where_it_is(state, disk_town):
    plain = Town(state)
    plain.start(ANN, "open('large', 'wb').write(bytes(90_000_000)); print('true')").told()

    with pytest.raises(Exception, match="Your disk cannot be opened"):
        disk_town.launcher.open_home(ANN)

    assert (plain.home(ANN) / "large").stat().st_size == 90_000_000
    assert not plain.home(ANN).is_mount()
    assert not (state / "disks" / f"{ANN.person_id}.img").exists()


def test_a_disk_is_there_again_after_all_were_closed(disk_town):
    disk_town.start(ANN, "open('kept', 'w').write('mine'); print('true')").told()
    disks.close_all(disk_town.state, disk_town.runtime.homes)
    assert list(disk_town.home(ANN).iterdir()) == []

    assert disk_town.start(ANN, "import json; print(json.dumps(open('kept').read()))").told() == "mine"


def test_a_disk_takes_what_is_in_it(disk_town):
    disk_town.launcher.open_home(ANN)
    image = disk_town.state / "disks" / f"{ANN.person_id}.img"

    assert image.stat().st_size == DISK_BYTES
    assert image.stat().st_blocks * 512 < DISK_BYTES / 4
    assert image.stat().st_mode & 0o777 == 0o600


def portals(town):
    """The plan of a portal's warden, for the people of a town."""
    uids = {ANN.person_id: ANN.uid, BOB.person_id: BOB.uid}
    return wardens.portals(town.state, town.runtime.homes, uids, disk_bytes=town.settings.launch.disk_bytes)


def test_the_portal_sees_the_same_home_also_when_its_disk_was_closed(disk_town):
    disk_town.start(ANN, "open('kept.ipynb', 'w').write('mine'); print('true')").told()
    disks.close_all(disk_town.state, disk_town.runtime.homes)

    with wardens.far(portals(disk_town)) as far:
        file, size = far.home(ANN.person_id).open("kept.ipynb")
        with file:
            assert (file.read(), size) == (b"mine", 4)
        far.home(ANN.person_id).put("made", [b"here"], ".draft", first=None)

    assert (disk_town.home(ANN) / "made.ipynb").stat().st_uid == ANN.uid
    assert shutil.disk_usage(disk_town.home(ANN)).total < DISK_BYTES
    assert disk_town.start(ANN, "import json; print(json.dumps(open('made.ipynb').read()))").told() == "here"


def test_a_full_disk_is_explained_by_the_portal_too(disk_town):
    with wardens.far(portals(disk_town)) as far:
        home = far.home(ANN.person_id)
        with pytest.raises(Unavailable, match="home directory is full"):
            home.put("large", (bytes(1_000_000) for _ in range(100)), ".draft", first=None)
        assert home.find() == ([], True)


def test_the_portal_says_what_ones_programs_use_and_why_a_server_ended(disk_town):
    running = disk_town.start(ANN, "print('runs', flush=True)\nimport time\ntime.sleep(1000)")
    running.wait_for("runs")
    with wardens.far(portals(disk_town)) as far:
        use = far.use(ANN.person_id)
        assert use.disk is not None
        assert use.disk.limit is not None
        assert 0 < use.disk.limit < DISK_BYTES
        assert use.memory is not None
        assert use.memory.limit == pytest.approx(disk_town.settings.launch.memory_bytes, rel=1e-3)
        assert use.processes is not None
        assert use.processes.used
        assert far.use(BOB.person_id).disk is None, "the control"

        (disk_town.state / "servers").mkdir(mode=0o700)
        note_end(disk_town.state, ANN.person_id, "It met its limit.")
        assert (far.ended(ANN.person_id), far.ended(BOB.person_id)) == ("It met its limit.", "")


SAY_MUCH = """
    import os
    for number in range(60):
        os.write(1, bytes([65 + number % 26]) * 1_000_000)
    os.write(2, b"\\nthe end\\n")
"""


def test_a_log_does_not_grow_without_end(shared_disk):
    walled = shared_disk.start(ANN, SAY_MUCH)
    assert walled.process.wait(60) == 0
    assert walled.lines[-1] == "the end"
    assert walled.log.stat().st_size <= LOG_BYTES

    open_ = shared_disk.start_unwalled(BOB, SAY_MUCH)
    assert open_.process.wait(60) == 0
    assert open_.log.stat().st_size > LOG_BYTES, "the control"


def test_all_that_was_said_before_the_end_is_in_the_log(shared_disk):
    program = shared_disk.start(ANN, "for number in range(20_000): print(number)")

    assert program.process.wait(60) == 0
    assert program.lines == [str(number) for number in range(20_000)]
