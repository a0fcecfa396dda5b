from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy.engine import make_url

import services
import slapd
from services import Database
from smtp import MailServer
from swap import doctor, ports
from swap.doctor import Finding
from swap.settings import FilesSource, HiveSource, Kerberos, MysqlSource, Origins, PostgresSource, Secret, Settings


def findings(settings: Settings) -> dict[str, Finding]:
    return {finding.subject: finding for finding in doctor.examine(settings)}


def postgres(database: Database, folder: Path, password: str | None = None) -> PostgresSource:
    address = make_url(database.url("gateway"))
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(password or str(address.password))
    return PostgresSource(
        kind="postgres",
        host="127.0.0.1",
        port=address.port or 0,
        database=database.name,
        user=str(address.username),
        password=Secret(file=secret),
        sslmode="disable",
    )


def test_a_source_that_answers_is_fine(database: Database, tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    found = findings(
        Settings(
            state=tmp_path,
            sources={"wikis": postgres(database, tmp_path), "lake": FilesSource(kind="files", root=tmp_path / "lake")},
        )
    )
    assert found["source wikis"].works
    assert found["source lake"].works
    assert "sources.wikis.password" not in found


def test_a_source_that_is_down_says_so_and_what_to_do(database: Database, tmp_path: Path) -> None:
    source = postgres(database, tmp_path).model_copy(update={"port": ports.free(1)[0]})
    found = findings(Settings(state=tmp_path, sources={"wikis": source}))["source wikis"]
    assert not found.works
    assert found.todo


def test_a_wrong_password_is_told_without_it(database: Database, tmp_path: Path) -> None:
    found = findings(Settings(state=tmp_path, sources={"wikis": postgres(database, tmp_path, "hunter2-secret")}))[
        "source wikis"
    ]
    assert not found.works
    assert "hunter2" not in f"{found.saw}{found.todo}"


def test_a_missing_directory_of_files_is_told(tmp_path: Path) -> None:
    found = findings(Settings(state=tmp_path, sources={"lake": FilesSource(kind="files", root=tmp_path / "nowhere")}))[
        "source lake"
    ]
    assert not found.works
    assert "No such file or directory" in found.todo


def test_a_secret_that_others_may_read_is_told_with_the_remedy(database: Database, tmp_path: Path) -> None:
    source = postgres(database, tmp_path)
    (tmp_path / "secret").chmod(0o644)
    found = findings(Settings(state=tmp_path, sources={"wikis": source}))["sources.wikis.password"]
    assert not found.works
    assert found.todo == f"chmod 600 {tmp_path / 'secret'}"


def test_a_secret_of_a_groups_account_that_others_may_read_is_told(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    secret.chmod(0o640)
    account = {"group": "analysts", "user": "research", "password": {"file": secret}}
    source = MysqlSource.model_validate({"kind": "mysql", "host": str(tmp_path / "none"), "accounts": [account]})

    found = findings(Settings(state=tmp_path, sources={"wikis": source}))["sources.wikis.accounts, group analysts"]

    assert not found.works
    assert found.todo == f"chmod 600 {secret}"


def test_a_secret_that_is_not_there_is_told(database: Database, tmp_path: Path) -> None:
    source = postgres(database, tmp_path)
    (tmp_path / "secret").unlink()
    assert (
        "cannot be read" in findings(Settings(state=tmp_path, sources={"wikis": source}))["sources.wikis.password"].saw
    )


def test_a_keytab_that_others_may_read_or_nobody_is_told(tmp_path: Path) -> None:
    keytab = tmp_path / "swap.keytab"
    kerberos = Kerberos(principal="swap@EXAMPLE.ORG", keytab=keytab, config=Path("/dev/null"))
    lake = HiveSource(kind="hive", servers=("127.0.0.1:1",), kerberos=kerberos)
    settings = Settings(state=tmp_path, sources={"lake": lake})

    assert "cannot be read" in findings(settings)["sources.lake.kerberos"].saw
    keytab.touch(mode=0o644)
    assert findings(settings)["sources.lake.kerberos"].todo == f"chmod 600 {keytab}"
    keytab.chmod(0o600)
    assert "sources.lake.kerberos" not in findings(settings)


def test_rights_that_reading_does_not_need_are_told(tmp_path: Path) -> None:
    server = services.MariaDB()
    try:
        server.run("CREATE USER careless@'127.0.0.1'", "GRANT SELECT, DELETE ON *.* TO careless@'127.0.0.1'")
        source = MysqlSource(kind="mysql", host="127.0.0.1", port=server.port, user="careless")
        found = findings(Settings(state=tmp_path, sources={"wikis": source}))
    finally:
        server.close()

    assert found["source wikis"].works
    assert found["source wikis, rights"].saw == "SWAP's account may also DELETE"


def test_a_postgresql_whose_certificate_ends_soon_is_told_with_the_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, key = services.certificate(tmp_path, "localhost", dt.timedelta(days=5))
    monkeypatch.setenv("PGSSLROOTCERT", str(shown))
    server = services.EncryptedPostgres(shown, key)
    try:
        found = findings(Settings(state=tmp_path, sources={"wikis": server.source(sslmode="verify-full")}))
    finally:
        server.close()

    ends = x509.load_pem_x509_certificate(shown.read_bytes()).not_valid_after_utc
    assert found["source wikis"].works
    assert not found["source wikis, certificate"].works
    assert found["source wikis, certificate"].saw == f"ends {ends:%Y-%m-%d}"


def test_a_stopped_swap_is_told_and_the_report_counts_it(tmp_path: Path) -> None:
    lines: list[str] = []
    assert doctor.report(Settings(state=tmp_path), lines.append) == 1
    assert "NO  SWAP                   does not run" in lines
    assert lines[-1] == "\n1 thing needs attention."


def test_a_directory_is_told_with_each_of_its_servers(tmp_path: Path) -> None:
    certificate = services.certificate(tmp_path, "localhost")
    account = tmp_path / "account"
    account.touch(mode=0o644)
    account.write_text(slapd.ACCOUNT_PASSWORD)
    server = slapd.Slapd(slapd.person("ann", "a password"), slapd.group("analysts", "ann"), certificate=certificate)
    try:
        ldap = {
            "servers": [f"ldap://localhost:{server.port}", f"ldap://localhost:{ports.free(1)[0]}"],
            "ca": certificate[0],
            "bind_dn": slapd.ACCOUNT,
            "bind_password": {"file": account},
            "base": slapd.PEOPLE,
            "groups_base": slapd.GROUPS,
            "allowed_groups": ["analysts", "annalists"],
        }
        people = {"authenticator": "ldap", "ldap": ldap}
        found = findings(Settings.model_validate({"state": tmp_path, "people": people}))
    finally:
        server.close()

    here, away = (f"directory localhost:{address.rpartition(':')[2]}" for address in ldap["servers"])
    assert found[here].works
    assert not found[f"{here}, certificate"].works, "it ends tomorrow"
    assert not found[away].works
    assert found["group annalists"].todo
    assert found["people.ldap.bind_password"].todo == f"chmod 600 {account}"


def test_the_mail_server_is_told_and_what_keeps_swap_out_without_the_password(tmp_path: Path) -> None:
    server = MailServer(tmp_path)
    works = findings(Settings(state=tmp_path, mail=server.settings()))
    assert works["mail"] == Finding("mail", works=True, saw=f"localhost:{server.port} answers")
    (tmp_path / "wrong").write_text("hunter2-secret")
    refused = findings(
        Settings(state=tmp_path, mail=server.settings(password=Secret(file=tmp_path / "wrong"))),
    )
    assert "535" in refused["mail"].saw
    assert "hunter2" not in repr(refused)
    assert not refused["mail.password"].works  # others may read the file
    strange = findings(Settings(state=tmp_path, mail=server.settings(ca=None)))
    assert "SSLCertVerificationError" in strange["mail"].saw
    server.close()
    assert not findings(Settings(state=tmp_path, mail=server.settings()))["mail"].works
    assert server.taken == []


def test_with_walls_the_limits_that_hold_are_named(tmp_path: Path) -> None:
    assert "limits" not in findings(Settings(state=tmp_path))
    found = findings(Settings.model_validate({"state": tmp_path, "launch": {"isolation": "user"}}))["limits"]

    assert found.works
    assert found.saw.endswith("limits memory, processors, processes")


# ── the public address ──────────────────────────────────────────────────────────────────────────────
def public(directory: Path, *names: str, days: float = 90, mode: int = 0o600) -> dict[str, Finding]:
    certificate, key = services.certificate(directory, names[0], dt.timedelta(days=days), more=names[1:])
    key.chmod(mode)
    origins = Origins(url="https://swap.example.org", certificate=certificate, key=key, bind="127.0.0.1")
    return findings(Settings(state=directory, origins=origins))


def test_a_good_certificate_is_told_with_its_end(tmp_path: Path) -> None:
    found = public(tmp_path, "swap.example.org", "*.swap.example.org")

    assert found["certificate"].works
    assert f"{dt.datetime.now(dt.UTC) + dt.timedelta(days=90):%Y-%m-%d}" in found["certificate"].saw
    assert "origins.key" not in found


@pytest.mark.parametrize(("days", "saw"), [(20, "it ends"), (-1, "it has ended")])
def test_a_certificate_that_ends_soon_or_has_ended_is_told_with_the_remedy(
    tmp_path: Path, days: float, saw: str
) -> None:
    found = public(tmp_path, "swap.example.org", "*.swap.example.org", days=days)["certificate"]

    assert not found.works
    assert saw in found.saw
    assert "origins.certificate and origins.key" in found.todo


def test_a_certificate_for_other_names_and_a_key_that_others_may_read_are_told(tmp_path: Path) -> None:
    found = public(tmp_path, "swap.example.org")
    assert "not for p234567abc.swap.example.org" in found["certificate"].saw
    assert not found["certificate"].works

    found = public(tmp_path, "swap.example.org", "*.swap.example.org", mode=0o644)
    assert not found["origins.key"].works
    assert found["origins.key"].todo.startswith("chmod 600")
