"""The demo's swap.toml with real stores; tests/integration/demo has the embedded ones."""

from __future__ import annotations

import socket
from pathlib import Path

from swap import settings
from swap.demo import configuration, mediawiki
from swap.demo.configuration import StorePorts
from swap.demo.hive_server import READER
from swap.settings import HiveSource, MysqlSource, Secret


def written(state: Path, stores: StorePorts) -> settings.Settings:
    configuration.write(state / "swap.toml", port=8123, kernel_env=state / "kernel", examples=None, stores=stores)
    return settings.load(state / "swap.toml")


def test_the_sources_point_at_the_real_stores(tmp_path: Path) -> None:
    made = written(tmp_path, StorePorts(hive=21001, mariadb=21002))

    lake, mediawiki_source = made.sources["lake"], made.sources["mediawiki"]
    assert isinstance(lake, HiveSource)
    assert lake.servers == ("127.0.0.1:21001",)
    assert (lake.user, lake.password) == (READER, Secret(file=tmp_path / "secrets" / f"hive-{READER}"))
    assert isinstance(mediawiki_source, MysqlSource)
    assert (mediawiki_source.port, mediawiki_source.user) == (21002, mediawiki.READER)
    assert "*wiki.page.page_title" in mediawiki_source.text
    assert "*wiki.revision.rev_timestamp" in mediawiki_source.timestamps
    assert mediawiki_source.newest == ("*wiki.revision.rev_timestamp",)


def test_people_may_do_the_same_whatever_holds_the_data(tmp_path: Path) -> None:
    real = written(tmp_path, StorePorts(21001, 21002))
    configuration.write(tmp_path / "embedded.toml", port=8123, kernel_env=tmp_path / "kernel", examples=None)

    assert real.policy == settings.load(tmp_path / "embedded.toml").policy


def test_the_stores_keep_their_ports_unless_somebody_has_taken_one(tmp_path: Path) -> None:
    ports = configuration.store_ports(tmp_path / "swap.toml")
    written(tmp_path, ports)
    assert configuration.store_ports(tmp_path / "swap.toml") == ports

    with socket.create_server(("127.0.0.1", ports.hive)):
        others = configuration.store_ports(tmp_path / "swap.toml")
    assert others.hive != ports.hive
    assert others.mariadb == ports.mariadb


def test_what_was_changed_in_the_settings_is_kept(tmp_path: Path) -> None:
    written(tmp_path, StorePorts(21001, 21002))
    path = tmp_path / "swap.toml"
    path.write_text(path.read_text().replace('title = "Hive"', 'title = "Our Hive"').replace("slots = ", "slots = "))

    made = written(tmp_path, StorePorts(21003, 21002))

    assert made.sources["lake"].title == "Our Hive"
    assert made.sources["lake"].servers == ("127.0.0.1:21003",)
