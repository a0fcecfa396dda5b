from __future__ import annotations

import socket
import stat
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import argon2
import pytest

from swap import settings
from swap.demo import configuration, lake, people
from swap.hub.directories import file
from swap.identity import Principal, Via
from swap.policy.decide import decide
from swap.policy.model import Action, Resource


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "swap.toml"
    configuration.write(path, port=8123, kernel_env=tmp_path / "kernel", examples=tmp_path / "examples")
    return path


def test_the_settings_are_valid_and_the_source_is_the_embedded_server(config: Path) -> None:
    made = settings.load(config)
    source = made.sources["mediawiki"]
    assert isinstance(source, settings.PostgresSource)
    assert made.database.port == source.port
    assert (made.state, made.site.port, made.site.demo) == (config.parent, 8123, True)
    assert made.people.file == config.parent / "people.toml"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_a_second_start_keeps_what_the_person_changed_and_sets_only_ports_and_paths(
    config: Path, tmp_path: Path
) -> None:
    changed = config.read_text(encoding="utf-8").replace(
        "memory_bytes = 600_000_000", "memory_bytes = 700_000_000  # mine"
    )
    config.write_text(changed, encoding="utf-8")
    configuration.write(config, port=9000, kernel_env=tmp_path / "other", examples=None)
    assert "memory_bytes = 700_000_000  # mine" in config.read_text(encoding="utf-8")
    made = settings.load(config)
    assert (made.site.port, made.kernel_env) == (9000, tmp_path / "other")
    assert made.database.port == tomllib.loads(changed)["database"]["port"]


def test_a_checkout_that_moved_finds_its_examples_again(config: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved" / "examples"
    moved.mkdir(parents=True)
    configuration.write(config, port=8123, kernel_env=tmp_path / "kernel", examples=moved)
    assert settings.load(config).examples == moved
    configuration.write(config, port=8123, kernel_env=tmp_path / "kernel", examples=tmp_path)
    assert settings.load(config).examples == moved, "a directory that is there is the person's own choice"


def test_a_port_that_somebody_else_took_is_changed_in_both_places(config: Path, tmp_path: Path) -> None:
    before = settings.load(config).database.port
    assert before is not None
    with socket.socket() as other:
        other.bind(("127.0.0.1", before))
        other.listen()
        configuration.write(config, port=8123, kernel_env=tmp_path / "kernel", examples=None)
    made = settings.load(config)
    source = made.sources["mediawiki"]
    assert isinstance(source, settings.PostgresSource)
    assert made.database.port == source.port != before


def test_a_source_that_the_person_pointed_elsewhere_stays_there(config: Path, tmp_path: Path) -> None:
    text = config.read_text(encoding="utf-8").replace('host = "127.0.0.1"', 'host = "db.example.org"')
    before = settings.load(config).database.port
    head, _, tail = text.partition("[sources.mediawiki]")
    config.write_text(head + "[sources.mediawiki]" + tail.replace(f"port = {before}", "port = 5433"), encoding="utf-8")
    configuration.write(config, port=8123, kernel_env=tmp_path / "kernel", examples=None)
    source = settings.load(config).sources["mediawiki"]
    assert isinstance(source, settings.PostgresSource)
    assert (source.host, source.port) == ("db.example.org", 5433)


def test_a_first_start_that_was_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    state = tmp_path / "state"
    program = (
        "import sys; from pathlib import Path; from swap.demo import setup; setup.prepare(Path(sys.argv[1]), port=8123,"
        " kernel_env=Path('/nowhere'))"
    )
    first = subprocess.Popen([sys.executable, "-c", program, str(state)])
    deadline = time.monotonic() + 120
    while not (state / "lake" / "event" / ".navigationtiming.new").exists():
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    first.kill()
    first.wait()
    assert not (state / "lake" / "event" / "navigationtiming").exists()
    kept = (state / "lake" / "wmf" / "pageview_hourly").stat().st_ino
    people_before = (state / "people.toml").read_bytes()
    subprocess.run([sys.executable, "-c", program, str(state)], check=True, timeout=120)
    for name in lake.TABLES:
        assert (state / "lake" / Path(*name.split(".")) / "_table.toml").exists()
    assert len(list((state / "lake" / "event" / "navigationtiming").rglob("*.parquet"))) == 72
    assert (state / "lake" / "wmf" / "pageview_hourly").stat().st_ino == kept
    assert (state / "people.toml").read_bytes() == people_before


def test_people_who_may_sign_in_are_as_the_hub_reads_them(tmp_path: Path) -> None:
    people.write(tmp_path / "people.toml")
    entries = {entry.name: entry for entry in file.read(tmp_path / "people.toml").entries}
    assert set(entries) == {"ann", "bertrand", "chidi"}
    for name, entry in entries.items():
        assert argon2.PasswordHasher().verify(entry.password, f"demo-{name}")
    assert stat.S_IMODE((tmp_path / "people.toml").stat().st_mode) == 0o600


def test_the_people_file_is_written_once(tmp_path: Path) -> None:
    people.write(tmp_path / "people.toml")
    before = (tmp_path / "people.toml").read_text(encoding="utf-8")
    people.write(tmp_path / "people.toml")
    assert (tmp_path / "people.toml").read_text(encoding="utf-8") == before


ANN, BERTRAND, CHIDI = (
    Principal(f"p{number}aaaaaaaa", person.name, frozenset(person.groups), Via.KERNEL)
    for number, person in zip("234", people.PEOPLE, strict=True)
)

LOCKED = (
    "lake.wmf.pageview_hourly.city",
    "lake.wmf.pageview_hourly.subdivision",
    "lake.event.navigationtiming.ip",
    "lake.event.navigationtiming.geocoded_data",
    "mediawiki.frwiki.user.user_email",
    "mediawiki.enwiki.user.user_password",
    "mediawiki.dewiki.user.user_token",
    "mediawiki.enwiki.user.user_real_name",
)
OPEN = (
    "lake.wmf.pageview_hourly.country_code",
    "mediawiki.enwiki.user.user_name",
    "mediawiki.dewiki.page.page_title",
    "lake.event.navigationtiming.event",
)
FOR_ALL = (
    "lake.nyc.flights.arr_delay",
    "mediawiki.nyc.planes.manufacturer",
    "lake.canonical_data.countries.name",
    "lake.wmf.projectview_hourly.view_count",
)
PRIVATE = "lake.wmf.editors_daily"


def may(config: Path, who: Principal, action: Action, name: str) -> bool:
    return decide(settings.load(config).policy, who, action, Resource(*name.split("."))).allowed


@pytest.mark.parametrize("name", LOCKED)
def test_ann_knows_of_a_locked_column_and_only_bertrand_reads_it(config: Path, name: str) -> None:
    assert may(config, ANN, Action.DISCOVER, name)
    assert not may(config, ANN, Action.READ, name)
    assert may(config, BERTRAND, Action.READ, name)
    assert not may(config, CHIDI, Action.READ, name)


@pytest.mark.parametrize("name", OPEN)
def test_analysts_read_the_rest_and_readers_do_not(config: Path, name: str) -> None:
    assert may(config, ANN, Action.READ, name)
    assert may(config, BERTRAND, Action.READ, name)
    assert not may(config, CHIDI, Action.READ, name)


@pytest.mark.parametrize("name", FOR_ALL)
def test_everybody_reads_what_is_open(config: Path, name: str) -> None:
    assert all(may(config, who, Action.READ, name) for who in (ANN, BERTRAND, CHIDI))


def test_for_ann_and_chidi_the_private_table_does_not_exist(config: Path) -> None:
    assert [may(config, who, Action.DISCOVER, PRIVATE) for who in (ANN, BERTRAND, CHIDI)] == [False, True, False]


def test_a_locked_column_says_by_which_rule_and_whom_to_ask(config: Path) -> None:
    verdict = decide(settings.load(config).policy, ANN, Action.READ, Resource(*LOCKED[0].split(".")))
    assert (verdict.rule, verdict.ask) == ("below-country", "data-privacy")
    assert verdict.because == "locks places smaller than a country"
