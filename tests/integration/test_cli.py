from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import services
from swap.db import migrate


def swap(*arguments: str, directory: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "swap.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=directory,
        env={**{k: v for k, v in os.environ.items() if not k.startswith("SWAP_")}, **env},
    )


def test_wrong_settings_are_explained_with_file_and_line_and_status_1(tmp_path: Path) -> None:
    (tmp_path / "swap.toml").write_text("state = 'state'\nsite.prot = 1\n")
    told = swap("config", "check", directory=tmp_path)
    assert told.returncode == 1
    assert "swap.toml:2: site.prot is not a setting. Did you mean site.port?" in told.stdout
    assert "Traceback" not in told.stdout + told.stderr


def test_the_check_reads_the_certificate_too_and_says_which_name_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "swap.toml").write_text(
        "state = 'state'\npeople.file = 'people.toml'\n[origins]\nurl = 'https://swap.example.org'\n"
        "certificate = 'swap.example.org.pem'\nkey = 'swap.example.org.key'\nbind = '127.0.0.1'\n"
    )
    services.certificate(tmp_path, "swap.example.org")
    lacks = swap("config", "check", directory=tmp_path)
    services.certificate(tmp_path, "swap.example.org", more=("*.swap.example.org",))
    good = swap("config", "check", directory=tmp_path)

    assert lacks.returncode == 1
    assert "The certificate of origins.certificate is not for p234567abc.swap.example.org." in lacks.stdout
    assert good.returncode == 0, good.stdout
    assert "the portal is https://swap.example.org and http://localhost:8000." in good.stdout


@pytest.mark.parametrize("command", ["up", "migrate", "doctor"])
def test_every_command_explains_wrong_settings(tmp_path: Path, command: str) -> None:
    (tmp_path / "swap.toml").write_text("state = 'state'\nsite.prot = 1\n")
    told = swap(command, directory=tmp_path)
    assert told.returncode == 1
    assert "Did you mean site.port?" in told.stdout
    assert "Traceback" not in told.stdout + told.stderr
    assert not (tmp_path / "state").exists()


def test_a_missing_settings_file_says_which_and_what_to_do(tmp_path: Path) -> None:
    told = swap("up", directory=tmp_path)
    assert told.returncode == 1
    assert "swap.toml cannot be read: No such file or directory." in told.stdout
    assert "--config" in told.stdout


@pytest.mark.parametrize("name", ["gateway", "web", "hub", "worker"])
def test_a_process_without_its_runtime_says_who_starts_it(tmp_path: Path, name: str) -> None:
    told = swap(name, directory=tmp_path)
    assert told.returncode == 2
    assert "`swap up` starts this process" in told.stderr


def test_migrate_brings_an_embedded_database_to_the_newest_schema_and_stops_it() -> None:
    directory = services.temporary_directory()
    (directory / "swap.toml").write_text("state = 'state'\npeople.file = 'people.toml'\n")
    assert f"schema: none → {migrate.newest()}" in swap("migrate", directory=directory).stdout
    assert f"schema: {migrate.newest()} → {migrate.newest()}" in swap("migrate", directory=directory).stdout
    assert not (directory / "state" / "postgres" / "data" / "postmaster.pid").exists()
