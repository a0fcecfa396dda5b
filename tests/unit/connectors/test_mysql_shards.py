from __future__ import annotations

import json
from pathlib import Path

import pytest

from swap.connectors.mysql.shards import Places, places, shards
from swap.settings import MysqlSource


@pytest.fixture
def source(tmp_path: Path) -> MysqlSource:
    """Return servers as Wikimedia has them."""
    (tmp_path / "s2.dblist").write_text("# second\nbgwiki\n  zhwiki  # comment\n\nodd[1]wiki\n")
    return MysqlSource.model_validate(
        {
            "kind": "mysql",
            "user": "u",
            "shards": {
                "s1": {"server": "db1:3311", "databases": ["enwiki", "en*news"]},
                "s2": {"server": "db2:3312", "databases_file": tmp_path / "s2.dblist", "slots": 3},
                "s3": {"server": "db3:3313"},
            },
        }
    )


def test_a_name_stands_before_a_pattern_and_one_server_has_the_rest(source: MysqlSource) -> None:
    where = places(source)

    for database, shard in (
        ("enwiki", "s1"),
        ("enwikinews", "s1"),
        ("zhwiki", "s2"),
        ("# second", "s3"),
        ("dewiki", "s3"),
        ("ENWIKI", "s3"),
    ):
        assert where.of(database) == shard, database
    assert Places({}, (("*", "s1"),), None).of("a") == "s1"
    assert Places({"a": "s1"}, (), None).of("b") is None


def test_a_map_stays_the_same_on_its_way_to_a_process(source: MysqlSource) -> None:
    where = places(source)

    assert Places.from_plain(json.loads(json.dumps(where.plain()))) == where


def test_servers_have_names_addresses_and_places(source: MysqlSource) -> None:
    assert [(each.name, each.host, each.port, each.slots) for each in shards(source)] == [
        ("s1", "db1", 3311, 8),
        ("s2", "db2", 3312, 3),
        ("s3", "db3", 3313, 8),
    ]
    (only,) = shards(MysqlSource.model_validate({"kind": "mysql", "user": "u", "host": "db"}))
    assert (only.name, only.host, only.port) == ("", "db", 3306)
