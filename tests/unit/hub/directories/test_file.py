from __future__ import annotations

import os
from dataclasses import replace

import argon2
import pytest
import tomlkit

from swap.demo import people as demo
from swap.errors import SettingsError
from swap.hub.directories import file
from swap.hub.directories.base import DirectoryAway, DirectoryPerson
from swap.hub.directories.file import FileDirectory

HASH = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b9dWRWJTmaaJObG"

OTHER_HASH = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("demo-ann")


def written(tmp_path, *people):
    path = tmp_path / "people.toml"
    path.write_text(tomlkit.dumps({"people": [{"password": HASH} | person for person in people]}), encoding="utf-8")
    return path


def test_the_demos_own_file_can_be_read(tmp_path):
    demo.write(tmp_path / "people.toml")

    people = file.read(tmp_path / "people.toml")

    assert [entry.name for entry in people.entries] == [person.name for person in demo.PEOPLE]
    assert people.entries[0].demo_password == "demo-ann"


@pytest.mark.parametrize("name", ["ann.smith", "José", "o'brien", "50%", "n" * 64, "content", "Ünï Cödé", "名前"])
def test_any_printable_name_may_be_a_persons(tmp_path, name):
    people = file.read(written(tmp_path, {"name": name}))

    assert people.named(name) == people.entries[0]


@pytest.mark.parametrize("spelling", ["ANN", "Ann", "ａｎｎ", " ann "])
def test_case_and_width_mean_the_same_person(tmp_path, spelling):
    people = file.read(written(tmp_path, {"name": "ann"}))

    assert people.named(spelling) == people.entries[0]


@pytest.mark.parametrize("other", ["аnn", "ann\0", "*", "a*", "", "ann,ou=admins", "ann.", "ann\u200b"])
def test_what_only_looks_like_a_name_means_nobody(tmp_path, other):
    people = file.read(written(tmp_path, {"name": "ann"}))

    assert people.named(other) is None


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ((), "names nobody"),
        (({"name": "ann"}, {"name": "ANN"}), "Two people have the name 'ann'"),
        (({"name": "ann", "key": "1"}, {"name": "bob", "key": "1"}), "Two people have the key '1'"),
        (({"name": ""},), "1 to 64 printable"),
        (({"name": "n" * 65},), "1 to 64 printable"),
        (({"name": "a\nb"},), "1 to 64 printable"),
        (({"name": "ann", "password": "demo-ann"},), "not an argon2id hash"),
        (({"name": "ann", "groups": "analysts"},), "not a list of names"),
        (({"name": "ann", "groups": [""]},), "not a list of names"),
        (({"name": "ann", "grups": []},), "grups is not a field"),
        (({"name": 7},), "name is not a text"),
        (({"name": "ann", "password": 7},), "password is not a text"),
        (({"name": "ann", "groups": [7]},), "not a list of names"),
        (({"name": "ann"}, {"name": ""}), "[[people]] number 2: name must have"),
    ],
    ids=str,
)
def test_a_file_that_is_not_clear_is_refused_with_the_reason(tmp_path, people, why):
    with pytest.raises(SettingsError) as refused:
        file.read(written(tmp_path, *people))

    assert why in str(refused.value)
    assert HASH not in str(refused.value)


@pytest.mark.parametrize("content", ["", "people = 1", "[[people", "people = []", "people = [1]"])
def test_a_file_without_people_is_refused(tmp_path, content):
    (tmp_path / "people.toml").write_text(content, encoding="utf-8")

    with pytest.raises(SettingsError, match="cannot be used"):
        file.read(tmp_path / "people.toml")


def test_a_missing_file_is_refused_with_the_reason(tmp_path):
    with pytest.raises(SettingsError) as refused:
        file.read(tmp_path / "people.toml")

    assert "No such file" in str(refused.value)


def test_a_password_is_not_in_what_an_entry_prints(tmp_path):
    entry = file.read(written(tmp_path, {"name": "ann", "demo_password": "demo-ann"})).entries[0]

    assert HASH not in repr(entry)
    assert "demo-ann" not in repr(entry)


# ── the directory ───────────────────────────────────────────────────────────────────────────────────
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
ANN = {"key": "k1", "name": "ann", "password": CHEAP.hash("demo-ann"), "groups": ["analysts", "staff"]}
BERTRAND = {"key": "k2", "name": "bertrand", "password": CHEAP.hash("demo-bertrand"), "groups": ["analysts"]}
KEYS = {"file:k1", "file:k2"}


class Clock:
    """Says the seconds the test says; what happens meanwhile happens when it is asked."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.meanwhile = lambda: None

    def __call__(self) -> float:
        self.meanwhile()
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def directory(tmp_path, clock):
    """A directory of ann and bertrand, whose file was written a minute ago."""
    write(written(tmp_path, ANN, BERTRAND), clock.now - 60)
    return FileDirectory(tmp_path / "people.toml", clock)


def write(path, moment, content=None):
    """Let the file have been written at a moment, with other content if need be."""
    if content is not None:
        path.write_text(content, encoding="utf-8")
    os.utime(path, (moment, moment))


def test_a_person_is_who_has_name_and_password(directory):
    ann = directory.look_up("file:k1")

    assert replace(ann, password_mark="") == DirectoryPerson("file:k1", "ann", frozenset({"analysts", "staff"}))
    assert directory.authenticate("ANN", "demo-ann") == ann
    assert directory.groups() == {"analysts", "staff"}


@pytest.mark.parametrize(("name", "secret"), [("ann", "demo-bertrand"), ("nobody", "demo-ann"), ("ann", HASH)])
def test_nobody_is_who_has_only_one_of_them(directory, name, secret):
    assert directory.authenticate(name, secret) is None


def test_who_is_not_in_the_file_is_not_found(directory):
    assert directory.look_up("file:k3") is None
    assert directory.look_up("k1") is None
    assert directory.sweep({"file:k3"}) == {}


def test_a_sweep_finds_everybody_and_notices_a_change(directory, clock, tmp_path):
    assert directory.sweep(KEYS).keys() == KEYS

    write(written(tmp_path, ANN | {"groups": []}), clock.now - 5)

    (ann,) = directory.sweep(KEYS).values()
    assert (ann.key, ann.name, ann.groups) == ("file:k1", "ann", frozenset())


def test_the_mark_of_a_password_is_another_when_the_password_is_and_at_no_other_change(directory, clock, tmp_path):
    before = directory.sweep(KEYS)["file:k1"].password_mark
    write(written(tmp_path, ANN | {"groups": [], "name": "anna"}), clock.now - 5)
    relabelled = directory.sweep(KEYS)["file:k1"].password_mark
    write(written(tmp_path, ANN | {"password": OTHER_HASH}), clock.now - 4)

    assert relabelled == before
    assert directory.sweep(KEYS)["file:k1"].password_mark not in {"", before}
    assert before not in OTHER_HASH


def test_a_file_that_is_half_written_but_reads_well_removes_nobody(directory, clock, tmp_path):
    """The file is cut off between two entries, as a writer leaves it for a moment: good TOML, and bertrand is gone."""
    path = tmp_path / "people.toml"
    whole = path.read_text(encoding="utf-8")
    assert directory.sweep(KEYS).keys() == KEYS
    half = whole[: whole.rindex("[[people]]")]

    write(path, clock.now, half)
    clock.now += 0.5
    with pytest.raises(DirectoryAway, match="changed a moment ago"):
        directory.sweep(KEYS)
    write(path, clock.now, whole)
    clock.now += 60

    assert directory.sweep(KEYS).keys() == KEYS


def test_a_file_that_is_overwritten_while_it_is_looked_at_removes_nobody(directory, clock, tmp_path):
    path = tmp_path / "people.toml"
    whole = path.read_text(encoding="utf-8")
    clock.meanwhile = lambda: write(path, clock.now, whole[: whole.rindex("[[people]]")])

    with pytest.raises(DirectoryAway, match="changed a moment ago"):
        directory.sweep(KEYS)


@pytest.mark.parametrize("content", ["", "[[people]]\nname = 1\n", "[[people"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda directory: directory.sweep(KEYS),
        lambda directory: directory.authenticate("ann", "demo-ann"),
        lambda directory: directory.look_up("file:k1"),
        lambda directory: directory.groups(),
    ],
    ids=["sweep", "authenticate", "look_up", "groups"],
)
def test_a_file_that_cannot_be_used_says_nothing_about_anybody(directory, clock, tmp_path, content, ask):
    write(tmp_path / "people.toml", clock.now - 30, content)

    with pytest.raises(DirectoryAway, match="cannot be used"):
        ask(directory)


def test_a_file_that_is_gone_says_nothing_about_anybody(directory, tmp_path):
    (tmp_path / "people.toml").unlink()

    with pytest.raises(DirectoryAway, match="No such file"):
        directory.sweep(KEYS)
