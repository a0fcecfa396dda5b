"""What the gateway is handed where people have walls."""

from __future__ import annotations

from pathlib import Path

import pytest

from swap.processes import handed, handed_hub, handed_web, handed_worker
from swap.settings import Settings, groups

SITE = {
    "state": "/var/lib/swap",
    "launch": {"isolation": "user"},
    "sources": {
        "lake": {"kind": "files", "root": "/srv/lake"},
        "wiki": {
            "kind": "mysql",
            "shards": {"s1": {"server": "db1:3306", "slots": 3}, "s2": {"server": "db2:3306", "databases": ["x"]}},
            "accounts": [{"group": "a", "user": "a", "password": {"file": "/etc/swap/secrets/a"}}],
            "ca": "/etc/swap/ca.pem",
        },
        "store": {
            "kind": "postgres",
            "host": "/run/postgresql",
            "database": "d",
            "user": "u",
            "password": {"env": "STORE"},
        },
        "hive": {
            "kind": "hive",
            "servers": ["h:10000"],
            "session": {"env": "no variable"},
            "kerberos": {
                "principal": "swap/h@R",
                "keytab": "/etc/swap/secrets/keytab",
                "config": "/etc/swap/krb5.conf",
            },
        },
    },
}


def test_settings_say_the_same_but_for_where_files_are() -> None:
    settings, files = Settings.model_validate(SITE), handed.Files()

    told = Settings.model_validate(handed._settings(settings, files))

    assert files.copies == {
        "0-a": "/etc/swap/secrets/a",
        "1-ca.pem": "/etc/swap/ca.pem",
        "2-keytab": "/etc/swap/secrets/keytab",
        "3-krb5.conf": "/etc/swap/krb5.conf",
    }
    assert told.sources["wiki"].ca == Path("/run/swap/1-ca.pem")
    assert told.sources["lake"] == settings.sources["lake"]
    back = _with_files(told, files)
    assert back == settings
    # What follows from whether something was said is the same, too.
    assert {name: each.slots_in_all for name, each in told.sources.items()} == {
        name: each.slots_in_all for name, each in settings.sources.items()
    }


def _with_files(told: Settings, files: handed.Files) -> Settings:
    text = told.model_dump_json(exclude_unset=True)
    for name, file in files.copies.items():
        text = text.replace(f'"{handed.SEEN}/{name}"', f'"{file}"')
    return Settings.model_validate_json(text)


def test_of_the_environment_only_what_a_source_names_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STORE", "SWAP_LDAP", "no variable"):
        monkeypatch.setenv(name, f"of {name}")
    monkeypatch.setenv("PGSSLROOTCERT", "/etc/swap/postgres.pem")
    files = handed.Files()

    made = handed._environment(Settings.model_validate(SITE), files)

    assert made["STORE"] == "of STORE"
    assert not {"SWAP_LDAP", "no variable"} & made.keys()
    assert made["PGSSLROOTCERT"] == "/run/swap/0-postgres.pem"


def test_directories_of_sockets_are_in_the_view_and_those_of_secrets_are_not() -> None:
    settings = Settings.model_validate(SITE)
    assert list(handed._sockets(settings)) == [Path("/run/postgresql")]


def test_the_portal_is_handed_the_rules_by_which_outputs_are_seen() -> None:
    policy = {"grants": [{"name": "views", "groups": ["analysts"], "on": ["lake"]}], "ask": "data-owners"}
    settings = Settings.model_validate(SITE | {"policy": policy})

    told = Settings.model_validate(handed_web._settings(settings))

    assert told.policy == settings.policy


def test_the_hub_is_told_the_same_but_for_where_what_is_said_of_people_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    ldap = {
        "servers": ["ldaps://ldap.example.org"],
        "ca": "/etc/swap/ldap.pem",
        "bind_dn": "cn=swap",
        "bind_password": {"env": "DIRECTORY"},
        "base": "dc=example",
        "allowed_groups": ["analysts"],
    }
    people = {"authenticator": "ldap", "ldap": ldap}
    settings, files = Settings.model_validate(SITE | {"people": people}), handed.Files()

    told = Settings.model_validate(handed_hub._settings(settings, files))

    assert files.copies == {"0-ldap.pem": "/etc/swap/ldap.pem"}, "no source's file is among them"
    assert told.people.ldap is not None
    assert told.people.ldap.ca == Path("/run/swap/0-ldap.pem")
    assert (told.policy, told.sources, told.launch) == (settings.policy, settings.sources, settings.launch)
    assert groups.named(told) == groups.named(settings)
    monkeypatch.setenv("DIRECTORY", "of the directory")
    monkeypatch.setenv("STORE", "of the store")
    environment = handed_hub._environment(settings, files)
    assert environment["DIRECTORY"] == "of the directory"
    assert "STORE" not in environment


def test_the_worker_is_told_how_reports_run_and_how_much_is_kept_and_nothing_else() -> None:
    settings = Settings.model_validate(SITE | {"reports": {"at_once": 7}, "keep": {"person_bytes": 5_000_000}})

    told = handed_worker._settings(settings)

    assert told.keys() == {"state", "reports", "keep"}
    read = Settings.model_validate(told)
    assert (read.reports, read.keep) == (settings.reports, settings.keep)
