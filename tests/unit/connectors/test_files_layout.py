from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from swap.connectors.base import Comparison, Predicate
from swap.connectors.files import layout
from swap.connectors.files.layout import About, BrokenError, DataFile, Directory


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"data")


def files_below(root: Path, *predicates: Predicate) -> list[str]:
    with Directory.root(str(root)) as table:
        return [file.path for file in layout.data_files(table, predicates)]


def test_tables_are_two_directories_deep_and_named_like_names(tmp_path: Path) -> None:
    make(tmp_path, "wmf/pageview_hourly/a", "wmf/.staging/a", "wmf/_tmp/a", ".git/objects/a", "event/q x/a", "wmf/file")

    with Directory.root(str(tmp_path)) as root:
        assert list(layout.tables(root)) == [("wmf", "pageview_hourly")]


def test_a_partition_that_cannot_match_is_not_listed(tmp_path: Path) -> None:
    make(tmp_path, "day=1/hour=1/a.parquet", "day=2/hour=1/a.parquet", "day=10/hour=2/a.parquet")
    (tmp_path / "day=2").chmod(0)
    readable = os.access(tmp_path / "day=2", os.R_OK)

    assert files_below(tmp_path, Predicate("day", Comparison.GT, 2)) == ["day=10/hour=2/a.parquet"]
    if not readable:
        with pytest.raises(BrokenError):
            files_below(tmp_path)
    (tmp_path / "day=2").chmod(0o700)


def test_partitions_of_numbers_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    make(tmp_path, "day=10/a.parquet", "day=9/a.parquet", "day=-1/a.parquet", "day=x/a.parquet")

    assert files_below(tmp_path) == ["day=-1/a.parquet", "day=9/a.parquet", "day=10/a.parquet", "day=x/a.parquet"]


def test_a_text_where_a_number_is_compared_is_an_error_not_a_row(tmp_path: Path) -> None:
    make(tmp_path, "day=x/a.parquet")

    with pytest.raises(BrokenError, match="a partition's day is not of type int64"):
        files_below(tmp_path, Predicate("day", Comparison.EQ, 1))


@pytest.mark.parametrize(
    ("written", "type_"),
    [
        (("1", "02", "-3"), pa.int64()),
        (("1", "a"), pa.string()),
        (("1", layout.NULL), pa.int64()),
        (("9" * 19,), pa.string()),
    ],
)
def test_a_key_is_a_number_when_every_value_is_one(written: tuple[str, ...], type_: pa.DataType) -> None:
    files = [DataFile("a", 1, (("key", value),)) for value in written]

    assert layout.partition_types(files, About()) == {"key": type_}
    assert layout.partition_types(files, About(partition_types={"key": pa.date32()})) == {"key": pa.date32()}


def test_the_order_of_text_is_the_order_of_its_bytes() -> None:
    assert layout.may_hold("\uffff", Predicate("k", Comparison.LT, "\U00010000"))
    assert not layout.may_hold("\U00010000", Predicate("k", Comparison.LT, "\uffff"))


@pytest.mark.parametrize(
    ("parts", "newest"),
    [
        ((("year", "2026"), ("month", "9"), ("day", "3"), ("hour", "5")), "2026-09-03 05:00"),
        ((("year", "2026"), ("month", "10")), "2026-10"),
        ((("month", "2026-10"),), "2026-10"),
        ((("day", "2026-10-01"), ("wiki", "enwiki")), "2026-10-01, enwiki"),
        ((), ""),
    ],
)
def test_the_newest_partition_reads_like_a_moment_where_it_is_one(
    parts: tuple[tuple[str, str], ...], newest: str
) -> None:
    assert layout.newest([DataFile("a", 1, parts)]) == newest


@pytest.mark.parametrize("value", ["Delhi", "a = b", "I cannot say", "is not here"])
def test_an_error_is_told_without_the_values_in_its_path_and_kept_with_them(value: str) -> None:
    error = BrokenError("cannot be opened: Permission denied", f"wmf/visits/city={value}/part.parquet")

    assert error.told == "wmf/visits/city=…/part.parquet cannot be opened: Permission denied"
    assert f"city={value}/" in str(error)
    assert BrokenError("cannot be opened", f"wmf/visits/city={value}").told == "wmf/visits/city=… cannot be opened"


def test_null_is_the_oldest_partition() -> None:
    assert layout.newest([DataFile(value, 1, (("day", value),)) for value in ("22", layout.NULL, "23")]) == "23"


def test_a_sidecar_that_is_no_toml_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "_table.toml").write_text("comment = ")

    with Directory.root(str(tmp_path)) as table, pytest.raises(BrokenError, match=r"_table\.toml"):
        layout.read_about(table)


def test_a_sidecar_may_give_a_column_a_comment_alone(tmp_path: Path) -> None:
    (tmp_path / "_table.toml").write_text('[columns]\nid = "Counts up"\n')

    with Directory.root(str(tmp_path)) as table:
        assert layout.read_about(table).comments == {"id": "Counts up"}


def test_a_directory_is_entered_by_one_name_only(tmp_path: Path) -> None:
    make(tmp_path, "a/b/c")

    with Directory.root(str(tmp_path)) as root:
        for name in ("a/b", "..", ".", "", "/etc"):
            with pytest.raises(BrokenError):
                root.enter(name)


@pytest.mark.parametrize(("schema", "table"), [("s", "t old"), ("s", "_t"), ("s", "t\n"), ("s x", "t"), (".s", "t")])
def test_only_what_is_harvested_can_be_asked_for(tmp_path: Path, schema: str, table: str) -> None:
    make(tmp_path, f"{schema}/{table}/part.parquet")

    with Directory.root(str(tmp_path)) as root:
        assert list(layout.tables(root)) == []
        with pytest.raises(BrokenError, match="is not the name of a schema or table"):
            layout.open_table(root, schema, table)


def test_what_became_a_pipe_since_it_was_listed_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "part.parquet")

    with Directory.root(str(tmp_path)) as root, pytest.raises(BrokenError, match="is not a regular file"):
        root.open_file("part.parquet")
