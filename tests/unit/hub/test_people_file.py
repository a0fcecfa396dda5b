from __future__ import annotations

import pytest
import tomlkit

from swap.demo import people as demo
from swap.errors import SettingsError
from swap.hub import people_file

HASH = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b9dWRWJTmaaJObG"


def written(tmp_path, *people):
    path = tmp_path / "people.toml"
    path.write_text(tomlkit.dumps({"people": [{"password": HASH} | person for person in people]}), encoding="utf-8")
    return path


def test_the_demos_own_file_can_be_read(tmp_path):
    demo.write(tmp_path / "people.toml")

    people = people_file.read(tmp_path / "people.toml")

    assert [entry.name for entry in people.entries] == [person.name for person in demo.PEOPLE]
    assert people.entries[0].demo_password == "demo-ann"


@pytest.mark.parametrize("name", ["ann.smith", "José", "o'brien", "50%", "n" * 64, "content", "Ünï Cödé", "名前"])
def test_any_printable_name_may_be_a_persons(tmp_path, name):
    people = people_file.read(written(tmp_path, {"name": name}))

    assert people.named(name) == people.entries[0]


@pytest.mark.parametrize("spelling", ["ANN", "Ann", "ａｎｎ", " ann "])
def test_case_and_width_mean_the_same_person(tmp_path, spelling):
    people = people_file.read(written(tmp_path, {"name": "ann"}))

    assert people.named(spelling) == people.entries[0]


@pytest.mark.parametrize("other", ["аnn", "ann\0", "*", "a*", "", "ann,ou=admins", "ann.", "ann\u200b"])
def test_what_only_looks_like_a_name_means_nobody(tmp_path, other):
    people = people_file.read(written(tmp_path, {"name": "ann"}))

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
    ],
    ids=str,
)
def test_a_file_that_is_not_clear_is_refused_with_the_reason(tmp_path, people, why):
    with pytest.raises(SettingsError) as refused:
        people_file.read(written(tmp_path, *people))

    assert why in str(refused.value)
    assert HASH not in str(refused.value)


@pytest.mark.parametrize("content", ["", "people = 1", "[[people", "people = []"])
def test_a_file_without_people_is_refused(tmp_path, content):
    (tmp_path / "people.toml").write_text(content, encoding="utf-8")

    with pytest.raises(SettingsError, match="cannot be used"):
        people_file.read(tmp_path / "people.toml")


def test_a_missing_file_is_refused_with_the_reason(tmp_path):
    with pytest.raises(SettingsError) as refused:
        people_file.read(tmp_path / "people.toml")

    assert "No such file" in str(refused.value)


def test_a_password_is_not_in_what_an_entry_prints(tmp_path):
    entry = people_file.read(written(tmp_path, {"name": "ann", "demo_password": "demo-ann"})).entries[0]

    assert HASH not in repr(entry)
    assert "demo-ann" not in repr(entry)
