"""Homes, as SWAP itself touches them when each is a system user's: with that user's rights, and no more."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

import wardens
from swap import channel, homes
from swap.errors import Forbidden, SwapError
from town import ANN, BOB, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "homes"


@pytest.fixture
def ann(root, tmp_path):
    with wardens.far(wardens.portals(tmp_path, root, {ANN.person_id: ANN.uid})) as far:
        yield far.home(ANN.person_id)


def owner(path: Path) -> tuple[int, int]:
    seen = path.lstat()
    return seen.st_uid, seen.st_gid


def test_what_the_portal_writes_is_the_persons_own(root, ann):
    name = ann.put("first", [b"{}"], ".draft", first=None)

    home = root / ANN.person_id
    assert owner(home) == owner(home / name) == (ANN.uid, ANN.uid)
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / name).stat().st_mode & 0o777 == 0o600


def test_who_is_in_a_home_waits_for_what_it_is_to_do(root, ann):
    homes.make(root, ANN.person_id, ANN.uid)
    with ann.far.warden.ask(f"home {ANN.person_id}") as late:
        until(
            lambda: any(
                each.info["uids"].real == ANN.uid for each in psutil.process_iter(["uids"]) if each.info["uids"]
            )
        )
        channel.send(late, {"do": "find"})
        assert channel.receive(late)[0] == {"value": [[], True]}


SEATS = """
import json, sys
with open({asked!r}, "a") as asked:
    asked.write(" ".join(sys.argv[1:]) + chr(10))
open({goes_on!r}).close()
known = {known!r}
print(json.dumps({{each: known.get(each, {{"error": {{"category": "not_found", "title": "Nobody"}}}}) for each in sys.argv[1:]}}))
"""
"""Answers when there is somebody who lets it."""


def test_who_come_at_the_same_time_do_not_wait_for_one_another(root, tmp_path):
    asked, goes_on = tmp_path / "asked", tmp_path / "goes-on"
    os.mkfifo(goes_on)
    people = [f"pnewcomer{letter}" for letter in "abcdefghijklmnopqrst"]
    known = {person: {"uid": ANN.uid + number} for number, person in enumerate(people)}
    program = SEATS.format(asked=str(asked), goes_on=str(goes_on), known=known)
    plan = wardens.portals(tmp_path, root, {}, seats=[sys.executable, "-c", program])
    with wardens.far(plan) as far, ThreadPoolExecutor(len(people) + 1) as pool:
        found = [pool.submit(far.home(person).find) for person in people]
        nobodys = pool.submit(far.home("pnobodyaaa").find)
        (warden,) = [each for each in psutil.Process().children() if "swap-warden-" in each.cmdline()[-1]]
        until(lambda: warden.num_threads() > len(people) + 1)
        let = os.open(goes_on, os.O_RDWR)
        assert [each.result(60) for each in found] == [([], True)] * len(people)
        with pytest.raises(SwapError, match="Nobody"):
            nobodys.result(60)
        os.close(let)

    runs = [set(line.split()) for line in asked.read_text(encoding="ascii").splitlines()]
    assert {*people, "pnobodyaaa"} == set().union(*runs)
    assert len(runs) <= 3, "the first one's, all others', and nobody's own"


def test_a_home_of_somebody_else_is_refused(root, ann):
    homes.make(root, BOB.person_id, BOB.uid)
    (root / BOB.person_id).rename(root / ANN.person_id)

    for attempt in (
        lambda: homes.make(root, ANN.person_id, ANN.uid),
        lambda: ann.put("a", [b"{}"], ".draft", first=None),
        lambda: ann.open("a.ipynb"),
    ):
        with pytest.raises(Forbidden, match="belongs to somebody else"):
            attempt()
    assert owner(root / ANN.person_id) == (BOB.uid, BOB.uid)


def test_a_home_from_before_is_handed_over_whole(root):
    home = homes.make(root, ANN.person_id, None)
    (home / "folder").mkdir()
    (home / "folder" / "a.ipynb").write_text("{}", encoding="utf-8")
    (home / "link").symlink_to("/etc/shadow")
    os.link(home / "folder" / "a.ipynb", home / "b.ipynb")

    homes.make(root, ANN.person_id, ANN.uid)

    mine = (ANN.uid, ANN.uid)
    assert {owner(path) for path in (home, *home.rglob("*"))} == {mine}
    assert owner(Path("/etc/shadow")) != mine


def test_what_has_a_name_outside_a_home_is_not_handed_over(root):
    home = homes.make(root, ANN.person_id, None)
    (root / "swaps-own").write_text("secret", encoding="utf-8")
    os.link(root / "swaps-own", home / "mine")

    homes.make(root, ANN.person_id, ANN.uid)

    assert owner(home / "mine") == (0, 0)
    assert owner(home) == (ANN.uid, ANN.uid)


def make_deep(directory):
    """Make directories in one another, deeper than Python can call itself, with a file in each."""
    below = os.open(directory, os.O_RDONLY)
    for _ in range(sys.getrecursionlimit() + 200):
        os.close(os.open("file", os.O_CREAT, dir_fd=below))
        os.mkdir("d", dir_fd=below)
        above, below = below, os.open("d", os.O_RDONLY, dir_fd=below)
        os.close(above)
    os.close(below)


def test_emptying_follows_no_link_and_takes_any_depth(root):
    (root / "kept").mkdir(parents=True)
    (root / "kept" / "file").touch()
    scratch = homes.empty(root / "scratch", ANN.uid)
    (scratch / "link").symlink_to(root / "kept")
    (scratch / "deep").mkdir()
    make_deep(scratch / "deep")

    homes.empty(scratch, ANN.uid)

    assert list(scratch.iterdir()) == []
    assert owner(scratch) == (ANN.uid, ANN.uid)
    assert (root / "kept" / "file").exists()
