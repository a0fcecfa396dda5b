"""How the settings name a directory of people, and which of them are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from swap.errors import SettingsError
from swap.settings import Ldap, Settings, load
from swap.settings.groups import named

GOOD: dict[str, Any] = {
    "servers": ["ldaps://ldap1.example.org", "ldap://ldap2.example.org", "ldaps://[::1]:1636"],
    "bind_dn": "cn=swap,dc=example,dc=org",
    "bind_password": {"file": "secret"},
    "base": "ou=people,dc=example,dc=org",
    "allowed_groups": ["analysts", "researchers"],
}
DOCUMENT = """\
state = "state"
[people]
authenticator = "ldap"
[people.ldap]
servers = ["ldaps://ldap1.example.org"]
bind_dn = "cn=swap,dc=example,dc=org"
bind_password = { file = "secret" }
base = "ou=people,dc=example,dc=org"
allowed_groups = ["analysts"]
"""


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "swap.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(path)
    found: list[str] = caught.value.problem.extra["problems"]
    return found


def test_servers_have_the_usual_ports() -> None:
    assert Ldap.model_validate(GOOD).addresses == (
        ("ldaps", "ldap1.example.org", 636),
        ("ldap", "ldap2.example.org", 389),
        ("ldaps", "::1", 1636),
    )


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"servers": []}, "at least 1 item"),
        ({"servers": ["ldap1.example.org"]}, "it must be ldaps://host"),
        ({"servers": ["http://ldap1.example.org"]}, "it must be ldaps://host"),
        ({"servers": ["ldaps://ann:secret@h"]}, "it must be ldaps://host"),
        ({"servers": ["ldaps://h:0"]}, "it must be ldaps://host"),
        ({"servers": ["ldaps://h/dc=example"]}, "it must be ldaps://host"),
        # Nobody is not everybody.
        ({"allowed_groups": []}, "at least 1 item"),
        ({"allowed_groups": [""]}, "at least 1 character"),
        ({"id_attribute": "uid"}, "uid can be given to somebody else"),
        ({"id_attribute": "mail"}, "mail can be given to somebody else"),
        ({"name_attribute": "uid=*)(cn"}, "name_attribute"),
        ({"filter": "objectClass=person"}, "filter"),
        ({"access_page": "javascript:alert(1)"}, "http"),
        ({"password_page": 'https://h/"onclick'}, "http"),
        ({"bind_password": "secret"}, "bind_password"),
        ({"grace_minutes": -1}, "grace_minutes"),
    ],
)
def test_a_directory_that_is_not_clear_or_not_safe_is_refused(how: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Ldap.model_validate(GOOD | how)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (DOCUMENT.partition("[people.ldap]")[0], "people.ldap is missing: the directory that people.authenticator"),
        (DOCUMENT.replace('"ldap"', '"file"'), "people.ldap is set, but people.authenticator is 'file'"),
        ("state = 's'\n", "people.file is missing"),
        (DOCUMENT + 'nested = true\ngroup_shape = "posixGroup"\n', "people.ldap.nested is for groupOfNames"),
        (
            DOCUMENT.replace("[people.ldap]", 'admin_group = "a"\n[people.ldap]') + 'admin_group = "b"\n',
            "people.admin_group and people.ldap.admin_group are both set, and one group runs SWAP. Remove one of them.",
        ),
        (DOCUMENT + "allowed_group = []\n", "Did you mean people.ldap.allowed_groups?"),
        (
            DOCUMENT.replace('{ file = "secret" }', '"hunter2"'),
            "people.ldap.bind_password must say where the secret is",
        ),
    ],
)
def test_what_contradicts_itself_is_told_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    (found,) = problems(tmp_path, text)

    assert problem in found
    assert "hunter2" not in found


def test_a_directory_needs_no_people_file(tmp_path: Path) -> None:
    (tmp_path / "swap.toml").write_text(DOCUMENT, encoding="utf-8")

    people = load(tmp_path / "swap.toml").people

    assert people.ldap is not None
    assert people.ldap.bind_password.file == tmp_path / "secret"
    assert (people.tries.per_name, people.tries.per_address, people.tries.minutes) == (5, 50, 15)


def test_the_groups_that_count_are_those_that_the_settings_name() -> None:
    settings = Settings.model_validate(
        {
            "state": "s",
            "people": {"authenticator": "ldap", "ldap": GOOD | {"admin_group": "operators"}},
            "policy": {
                "grants": [{"name": "open", "groups": ["*", "readers"], "on": ["lake"]}],
                "denials": [{"name": "d", "on": ["lake"], "unless_groups": ["clerks"], "because": "b", "ask": "a"}],
            },
            "sources": {
                "lake": {"kind": "hive", "servers": ["h:1"], "user": "swap", "queues": {"producers": "q"}},
                "wikis": {"kind": "mysql", "host": "h", "accounts": [{"group": "wikians", "user": "u"}]},
            },
        }
    )

    assert named(settings) == {
        "analysts", "researchers", "operators", "readers", "clerks", "producers", "wikians",
    }  # fmt: skip


PROGRAM = """
import sys
sys.modules["ldap"] = None
from pathlib import Path
from swap.errors import SettingsError
from swap.hub.directories import registry
from swap.settings import load
try:
    registry.directory(load(Path(sys.argv[1])))
except SettingsError as error:
    print(error)
"""


def test_without_python_ldap_it_is_said_what_to_install_and_the_people_file_needs_none(tmp_path: Path) -> None:
    (tmp_path / "swap.toml").write_text(DOCUMENT, encoding="utf-8")
    (tmp_path / "file.toml").write_text('state = "s"\npeople.file = "p"\n', encoding="utf-8")

    def said(name: str) -> str:
        command = [sys.executable, "-c", PROGRAM, tmp_path / name]
        return subprocess.run(command, text=True, check=True, capture_output=True, timeout=60).stdout

    assert "Install it: make ldap" in said("swap.toml")
    assert said("file.toml") == ""
