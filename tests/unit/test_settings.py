from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from swap.errors import SettingsError
from swap.settings import HiveSource, MysqlSource, Reports, Secret, Settings, Site, load
from swap.settings.base import Model

KERBEROS = {"principal": "swap/swap.example.org@EXAMPLE.ORG", "keytab": "swap.keytab"}

GOOD = """\
state = "state"
examples = "../examples"

[site]
name = "Demo"
demo = true

[people]
file = "people.toml"

[sources.lake]
kind = "files"
root = "/data/lake"

[sources.mediawiki]
kind = "postgres"
host = "127.0.0.1"
database = "mediawiki"
user = "swap_reader"
password = { file = "secrets/reader" }

[[policy.grants]]
name = "open"
groups = ["*"]
on = ["lake.wmf", "mediawiki"]

[[policy.denials]]
name = "below-country"
on = ["lake.wmf.*.city"]
because = "keeps people apart from places"
ask = "data-privacy"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "swap.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(write(folder, text))
    found: list[str] = caught.value.problem.extra["problems"]
    return found


def test_a_good_file_is_read_and_paths_are_meant_from_it(tmp_path: Path) -> None:
    settings = load(write(tmp_path, GOOD))
    assert settings.state == tmp_path / "state"
    assert settings.examples == tmp_path.parent / "examples"
    assert settings.people.file == tmp_path / "people.toml"
    assert settings.sources["lake"].root == Path("/data/lake")  # type: ignore[union-attr]
    assert settings.sources["mediawiki"].password.file == tmp_path / "secrets/reader"  # type: ignore[union-attr]
    assert settings.site.url == "http://localhost:8000"
    assert settings.site.address.person_url("pabcdefghi") == "http://pabcdefghi.localhost:8000"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({}, "name user"),
        ({"user": "swap", "kerberos": KERBEROS}, "name user"),
        ({"kerberos": KERBEROS | {"qop": "auth-int"}, "transport": "http"}, "over HTTP tls protects"),
        ({"kerberos": KERBEROS | {"principal": "swap"}}, "principal"),
        ({"user": "swap", "http_path": "a\r\nb"}, "http_path"),
        ({"user": "swap", "servers": ["h"]}, "it must be host:port"),
        ({"user": "swap", "servers": ["h:0"]}, "it must be host:port"),
        ({"user": "swap", "servers": ["h:65536"]}, "it must be host:port"),
        ({"user": "swap", "servers": ["a b:1"]}, "it must be host:port"),
    ],
)
def test_a_hive_has_one_way_in(how: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        HiveSource.model_validate({"kind": "hive", "servers": ["h:1"]} | how)


def test_with_kerberos_the_account_is_the_principals_first_name() -> None:
    source = HiveSource.model_validate({"kind": "hive", "servers": ["h:1"], "kerberos": KERBEROS})

    assert source.account == "swap"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("limits.memroy = 1", "limits.memroy is not a setting. Did you mean limits.memory_bytes?"),
        ("port = 1", "port is not a setting. Did you mean site.port?"),
        ("site.port = 0", "site.port: it must be greater than or equal to 1."),
        ("site.port = 'x'", "site.port: it must be an integer, unable to parse string as an integer."),
        (
            "site.bind = '0.0.0.0'",
            (
                "site.bind is 0.0.0.0, where passwords would travel in the clear. Use 127.0.0.1 and, from elsewhere,"
                " ssh -L; or a public address under TLS in [origins]."
            ),
        ),
        ("site.time_zone = 'Europe/Berlni'", "site.time_zone names no time zone. Did you mean Europe/Berlin?"),
        ("database.url = 'mysql://h/d'", "database.url must begin with postgresql://."),
        ("people.sign_in_days = 31", "people.sign_in_days: it must be less than or equal to 30."),
        ("launch.isolation = 'docker'", "launch.isolation: it must be 'none' or 'user'."),
        (
            "launch.index_url = 'pypi.example.org/simple'",
            (
                "launch.index_url: it must be the address of a package index, for example"
                " https://pypi.example.org/simple."
            ),
        ),
        (
            "launch.index_url = 'https://me:s3cret@pypi.example.org/simple'",
            "launch.index_url: it must hold no name and no password: everybody's programs see it.",
        ),
        (
            (
                "launch = { isolation = 'user', index_url = 'https://pypi.example.org/simple', reach ="
                " ['pypi.example.org:80'] }"
            ),
            'launch.index_url is out of people\'s reach. Add "pypi.example.org:443" to launch.reach.',
        ),
        ("limits.seconds = 0", "limits.seconds: it must be greater than 0."),
        (
            "limits.spool_hours = 2161",
            (
                "limits.spool_hours is longer than keep.ended_days: a result would be kept whose query is forgotten."
                " Use at most 2160, or keep.ended_days = 91."
            ),
        ),
        (
            "keep = { ended_days = 30, audit_days = 29 }",
            (
                "keep.audit_days is shorter than keep.ended_days: who asked would be forgotten before what was asked."
                " Use at least 30, or a shorter keep.ended_days."
            ),
        ),
        (
            "mail = { host = 'm', sender = 'swap@m', domain = 'm', user = 'swap' }",
            "mail.user and mail.password go together: name both, or neither.",
        ),
        (
            "mail = { host = 'm', sender = \"swap@m\\nBcc: eve@m\", domain = 'm' }",
            "mail.sender: it must be an address of mail, for example swap@example.org.",
        ),
        (
            "sources.reports = { kind = 'files', root = 'r' }",
            "sources.reports has the name of what reports write. Call the source otherwise.",
        ),
        ("keep.ended_days = 0", "keep.ended_days: it must be greater than or equal to 1."),
        ("launch.idle_hours = -1", "launch.idle_hours: it must be greater than or equal to 0."),
        ("keep.audit_days = inf", "keep.audit_days: it must be less than or equal to 36500."),
        ("limits.spool_hours = inf", "limits.spool_hours: it must be less than or equal to 876000."),
    ],
)
def test_a_wrong_value_is_explained_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    text = f"state = 's'\npeople.file = 'p'\nsources.lake = {{ kind = 'files', root = 'r' }}\n# here it comes\n{line}\n"
    (found,) = problems(tmp_path, text)
    assert found == f"swap.toml:5: {message}"


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        GOOD.replace('name = "Demo"', 'nmae = "Demo"')
        .replace('root = "/data/lake"\n', "")
        .replace('ask = "data-privacy"\n', "")
    )
    assert problems(tmp_path, text) == [
        "swap.toml:5: site.nmae is not a setting. Did you mean site.name?",
        "swap.toml:11: sources.lake.root is missing: The directory that holds one directory for each schema.",
        "swap.toml:26: policy.denials[0].ask is missing: Whom to ask for access.",
    ]


def test_an_unknown_kind_of_source_is_told_with_the_known_ones(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, GOOD.replace('kind = "files"', 'kind = "oracle"'))
    assert found == "swap.toml:11: sources.lake.kind is 'oracle'; SWAP knows 'files', 'hive', 'mysql', 'postgres'."
    (found,) = problems(tmp_path, GOOD.replace('kind = "files"\n', ""))
    assert found == 'swap.toml:11: sources.lake.kind is missing: one of "files", "hive", "mysql", "postgres".'


def test_a_source_name_that_sql_could_not_say_is_refused(tmp_path: Path) -> None:
    (found,) = problems(
        tmp_path,
        GOOD.replace("[sources.lake]", "[sources.Data-Lake]")
        .replace('"lake.wmf", ', "")
        .replace("lake.wmf.*.city", "*"),
    )
    assert found.startswith("swap.toml:11: sources.Data-Lake: a source's name is")


def test_a_rule_on_no_source_names_the_source_meant(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, GOOD.replace('"lake.wmf"', '"lak.wmf"'))
    assert found == "swap.toml:25: policy.grants[0].on: 'lak.wmf' is in no source. Did you mean lake?"


@pytest.mark.parametrize("pattern", ["lake.wmf.views.http.ip", "lake..views", "lake.wmf."])
def test_a_lock_that_could_cover_nothing_is_refused(tmp_path: Path, pattern: str) -> None:
    (found,) = problems(tmp_path, GOOD.replace("lake.wmf.*.city", pattern))
    assert found.startswith(f"swap.toml:29: policy.denials[0].on: {pattern!r} is no source.schema.table.column")


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, GOOD.replace('name = "below-country"', 'name = "open"'))
    assert found.startswith("swap.toml:28: policy.denials[0].name: another rule is called 'open'")


@pytest.mark.parametrize(
    "wrong",
    [
        'password = "hunter2-secret"',
        'password = { file = "a", env = "hunter2-secret" }',
        'password = { hunter = "hunter2-secret" }',
        'password = { file = ["hunter2-secret"] }',
        "password = { }",
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_and_never_printed(tmp_path: Path, wrong: str) -> None:
    found = problems(tmp_path, GOOD.replace('password = { file = "secrets/reader" }', wrong))
    assert all(line.startswith("swap.toml:20: sources.mediawiki.password") for line in found)
    assert "hunter2" not in "".join(found)


def test_a_password_in_the_database_address_is_refused_and_never_printed(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, f"database.url = 'postgresql://swap:hunter2@db/swap'\n{GOOD}")
    assert "move it to a file" in found
    assert "hunter2" not in found


def test_what_is_not_toml_names_its_line(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, GOOD.replace("demo = true", "demo = yes"))
    assert found == "swap.toml:6: not TOML: Invalid value"


def test_a_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml cannot be read: No such file"):
        load(tmp_path / "nowhere.toml")


def models(base: type[BaseModel] = Model) -> list[type[BaseModel]]:
    return [model for each in base.__subclasses__() for model in (each, *models(each))]


@pytest.mark.parametrize("model", models(), ids=lambda m: m.__name__)
def test_every_model_is_frozen_closed_and_described(model: type[BaseModel]) -> None:
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"
    assert all(field.description for name, field in model.model_fields.items() if name != "kind")


def test_values_cannot_be_changed(tmp_path: Path) -> None:
    settings = load(write(tmp_path, GOOD))
    with pytest.raises(ValidationError, match="frozen"):
        settings.site.port = 1  # type: ignore[misc]


def test_a_secret_is_read_when_used_and_its_end_of_line_is_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s").write_text("hush\n")
    assert Secret(file=tmp_path / "s").read() == "hush"
    monkeypatch.setenv("HUSH", "quiet")
    assert Secret(env="HUSH").read() == "quiet"
    monkeypatch.delenv("HUSH")
    with pytest.raises(SettingsError, match="HUSH is not set"):
        Secret(env="HUSH").read()
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        Secret(file=tmp_path / "none").read()
    assert "hush" not in repr(Secret(file=tmp_path / "s"))


def test_a_public_port_shows_in_addresses() -> None:
    site = Site(port=8000, public_port=9000)
    assert site.url == "http://localhost:9000"
    assert Settings(state=Path("x"), site=site).site.address.person_url("pa") == "http://pa.localhost:9000"


def test_a_home_directory_is_understood(tmp_path: Path) -> None:
    settings = load(write(tmp_path, GOOD.replace('state = "state"', 'state = "~/swap"')))
    assert settings.state == Path(os.path.expanduser("~/swap"))  # noqa: PTH111 — the other way to say it


@pytest.mark.parametrize(
    ("host", "tls", "encrypted"),
    [
        ("db.example.org", "auto", True),
        ("10.0.0.1", "auto", True),
        ("localhost.example.org", "auto", True),
        ("127.0.0.1", "auto", False),
        ("::1", "auto", False),
        ("localhost", "auto", False),
        ("/run/mysqld/mysqld.sock", "auto", False),
        ("127.0.0.1", "verify-full", True),
        ("db.example.org", "disable", False),
    ],
)
def test_what_leaves_this_machine_is_encrypted_unless_it_is_said_openly(host: str, tls: str, encrypted: bool) -> None:
    assert (
        MysqlSource.model_validate({"kind": "mysql", "host": host, "user": "u", "tls": tls}).encrypts(host) is encrypted
    )


def test_a_pattern_of_columns_names_database_table_and_column() -> None:
    with pytest.raises(ValidationError, match=r"must name database\.table\.column"):
        MysqlSource.model_validate({"kind": "mysql", "host": "h", "user": "u", "text": ["page_title"]})


@pytest.mark.parametrize("named", [{}, {"user": "u", "accounts": [{"group": "g", "user": "v"}]}])
def test_a_server_is_read_by_one_account_or_by_accounts_of_groups(named: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="either a user for everybody or accounts for groups"):
        MysqlSource.model_validate({"kind": "mysql", "host": "h", **named})


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({}, "either a host or the servers as shards"),
        ({"host": "h", "shards": {"s1": {"server": "h:1"}}}, "either a host or the servers as shards"),
        ({"shards": {"s1": {"server": "h:1"}, "s2": {"server": "h:2"}}}, "only one of the shards can hold"),
    ],
)
def test_of_several_servers_it_is_known_which_holds_a_database(named: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MysqlSource.model_validate({"kind": "mysql", "user": "u", **named})


@pytest.mark.parametrize(("own", "in_all"), [({}, 16), ({"slots": 3}, 3)])
def test_a_source_runs_what_its_servers_run_together_unless_it_says_otherwise(own: dict[str, int], in_all: int) -> None:
    shards = {f"s{n}": {"server": f"h:{n}", "databases": [f"wiki{n}"], "slots": 2} for n in range(1, 9)}
    source = MysqlSource.model_validate({"kind": "mysql", "user": "u", "shards": shards, **own})
    assert source.slots_in_all == in_all
    assert MysqlSource.model_validate({"kind": "mysql", "user": "u", "host": "h", **own}).slots_in_all == own.get(
        "slots", 8
    )


@pytest.mark.parametrize(
    "host", ["hooks.example.org", "hooks.example.org:8443", "10.0.0.7", "[fd00::1]", "[fd00::1]:8443"]
)
def test_a_host_that_may_be_told_of_runs_is_named(host: str) -> None:
    assert Reports(webhooks=(host,)).webhooks == (host,)


@pytest.mark.parametrize(
    "host", ["", "https://a.example", "a.example/", "a.example:0", "a.example:70000", "a b", "*", "[1]"]
)
def test_what_is_no_host_is_none_that_may_be_told(host: str) -> None:
    with pytest.raises(ValidationError):
        Reports(webhooks=(host,))
