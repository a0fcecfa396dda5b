from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url

import services
from services import Database
from swap import doctor, ports
from swap.doctor import Finding
from swap.settings import FilesSource, HiveSource, Kerberos, MysqlSource, PostgresSource, Secret, Settings


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


def test_a_stopped_swap_is_told_and_the_report_counts_it(tmp_path: Path) -> None:
    lines: list[str] = []
    assert doctor.report(Settings(state=tmp_path), lines.append) == 1
    assert "NO  SWAP                   does not run" in lines
    assert lines[-1] == "\n1 thing needs attention."
