from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from swap.demo import describe, lake, world
from swap.errors import Unavailable

PAGEVIEW_HOURLY = [
    "project",
    "language_variant",
    "page_title",
    "access_method",
    "zero_carrier",
    "agent_type",
    "referer_class",
    "continent",
    "country_code",
    "country",
    "subdivision",
    "city",
    "user_agent_map",
    "record_version",
    "view_count",
    "page_id",
    "namespace_id",
    "referer_name",
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lake")
    lake.make(path)
    return path


def columns(table: Path) -> list[str]:
    """Return a table's columns, its partitions' included."""
    file = next(table.rglob("*.parquet"))
    return [*pq.read_schema(file).names, *(part.partition("=")[0] for part in file.relative_to(table).parts[:-1])]


def test_pageview_hourly_has_the_real_tables_18_columns_and_partitions(root: Path) -> None:
    assert columns(root / "wmf" / "pageview_hourly") == [*PAGEVIEW_HOURLY, "year", "month", "day", "hour"]
    assert len(list((root / "wmf" / "pageview_hourly").rglob("*.parquet"))) == 72


@pytest.mark.parametrize("name", sorted(lake.TABLES))
def test_every_column_of_a_table_is_described_and_nothing_else(root: Path, name: str) -> None:
    table = root.joinpath(*name.split("."))
    assert set(describe.LAKE[name].columns) == set(columns(table))
    said = tomllib.loads((table / "_table.toml").read_text(encoding="utf-8"))
    assert said["owner"]
    assert {column for column, about in said["columns"].items() if "sensitivity" in about} == set(
        describe.LAKE[name].sensitivity
    )


def test_the_flights_are_all_336776(root: Path) -> None:
    table = pq.read_table(root / "nyc" / "flights")
    assert table.num_rows == 336_776
    assert table["dep_time"].null_count == 8255
    assert str(table.schema.field("time_hour").type) == "timestamp[us]"


def test_the_pages_read_in_english_are_pages_of_enwiki(root: Path) -> None:
    rows = pq.read_table(root / "wmf" / "pageview_hourly", columns=["project", "page_id", "page_title", "namespace_id"])
    titles = dict(
        zip(*(world.wiki("enwiki").tables["page"][name].to_pylist() for name in ("page_id", "page_title")), strict=True)
    )
    seen = [row for row in rows.to_pylist() if row["project"] == "en.wikipedia" and row["page_id"] is not None]
    assert len(seen) > 100_000
    assert all(row["page_title"].endswith(titles[row["page_id"]]) for row in seen)


def test_there_are_spiders_nulls_unknown_countries_and_other_scripts(root: Path) -> None:
    rows = pq.read_table(
        root / "wmf" / "pageview_hourly", columns=["agent_type", "page_id", "country_code", "page_title", "view_count"]
    )
    share = rows["agent_type"].to_pylist().count("spider") / rows.num_rows
    assert 0.1 < share < 0.25
    assert rows["page_id"].null_count > 1000
    assert rows["country_code"].to_pylist().count("--") > 100
    assert any(not title.isascii() and "ا" in title for title in rows["page_title"].to_pylist())
    views = sorted(rows["view_count"].to_pylist(), reverse=True)
    assert sum(views[: len(views) // 10]) > sum(views) / 2, "a tenth of the rows has more than half of the views"


def test_projectview_hourly_is_the_sum_of_pageview_hourly(root: Path) -> None:
    hour = "year=2026/month=11/day=21/hour=7"
    pages = pq.read_table(root / "wmf" / "pageview_hourly" / hour)
    projects = pq.read_table(root / "wmf" / "projectview_hourly" / hour)
    assert sum(projects["view_count"].to_pylist()) == sum(pages["view_count"].to_pylist())


def test_the_same_seed_gives_the_same_lake(root: Path, tmp_path: Path) -> None:
    lake.make(tmp_path, tables={name: lake.TABLES[name] for name in ("canonical_data.wikis", "event.navigationtiming")})
    for name in ("canonical_data/wikis", "event/navigationtiming/year=2026/month=11/day=22/hour=9"):
        assert pq.read_table(root / name).equals(pq.read_table(tmp_path / name))


def test_a_complete_table_is_kept_and_a_half_made_one_is_made_again(root: Path) -> None:
    kept = root / "nyc" / "weather" / "part-00000.parquet"
    before = kept.stat().st_ino
    (root / "nyc" / "flights").rename(root / "nyc" / ".flights.new")  # as an interrupted start leaves it
    (root / "nyc" / ".flights.new" / "month=3" / "part-00000.parquet").unlink()
    steps: list[str] = []
    lake.make(root, lambda step, *, done, size_bytes: steps.append(step) if done and size_bytes else None)
    assert steps == ["lake.nyc.flights"]
    assert len(list((root / "nyc" / "flights").rglob("*.parquet"))) == 12
    assert kept.stat().st_ino == before


def test_a_full_disk_is_explained_and_the_table_is_not_there(tmp_path: Path) -> None:
    def full_disk() -> Iterator[tuple[str, pa.Table]]:
        yield from lake.TABLES["nyc.weather"]()
        raise OSError(28, "No space left on device")

    with pytest.raises(Unavailable) as caught:
        lake.make(tmp_path, tables={"nyc.weather": full_disk})
    assert "No space left on device" in caught.value.problem.why
    assert "Free some space" in caught.value.problem.todo
    assert not (tmp_path / "nyc" / "weather").exists()
    lake.make(tmp_path, tables={"nyc.weather": lake.TABLES["nyc.weather"]})
    assert pq.read_table(tmp_path / "nyc" / "weather").num_rows == 26_115
