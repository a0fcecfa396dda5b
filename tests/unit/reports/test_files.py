"""Data files: rows of a run come into the files of its report and into no others, whole."""

from __future__ import annotations

import grp
import os
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from swap.client.data_file import MIME
from swap.errors import Invalid
from swap.reports.files import BINDINGS, Binding, Files, NotWritten
from swap.reports.tsv import EMPTY, Unit

MARCH = (date(2026, 3, 1), date(2026, 4, 1))
WIKIS = {"wiki": ("dewiki", "frwiki")}


def bound(explode: Mapping[str, tuple[str, ...]] = WIKIS, **more: Any) -> Binding:
    return Binding(
        **({"into": "metrics/mirror", "key": "prefs", "unit": Unit.MONTHS, "most": None, "group": ""} | more),
        explode=explode,
    )


def ran(*tables: tuple[Mapping[str, str], list[list[str | None]]]) -> dict[str, Any]:
    """Return a notebook that was executed, with rows for these files."""
    outputs = [
        {"output_type": "display_data", "data": {MIME: {"values": values, "columns": ["date", "n"], "rows": rows}}}
        for values, rows in tables
    ]
    return {
        "cells": [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": [{"output_type": "stream"}, *outputs]}]
    }


def rows(number: str, day: str = "2026-03-01") -> list[list[str | None]]:
    return [[day, number]]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "files")


def test_each_combination_has_its_file_where_reportupdater_had_it(files: Files, tmp_path: Path) -> None:
    binding = bound({"team": ("a team",), **WIKIS})
    files.bind("r1", binding)
    assert files.binding("r1") == binding
    files.keep("r1", MARCH, ran(({"wiki": "dewiki", "team": "a team"}, rows("1")), ({"wiki": "frwiki", "team": "a team"}, rows("2"))))  # fmt: skip
    at = tmp_path / "files/metrics/mirror/prefs/a team"
    assert {each.name: each.read_bytes() for each in at.iterdir()} == {
        "dewiki.tsv": b"date\tn\r\n2026-03-01\t1\r\n",
        "frwiki.tsv": b"date\tn\r\n2026-03-01\t2\r\n",
    }


def test_what_reads_makes_nothing(files: Files, tmp_path: Path) -> None:
    assert files.table(bound({}), ()) == EMPTY
    assert (files.binding("r1"), files.bindings()) == (None, {})
    assert not (tmp_path / "files").exists()


def test_who_writes_into_the_files_has_no_say_in_which_they_are(files: Files, tmp_path: Path) -> None:
    files.bind("r1", bound({}))
    at = tmp_path / "files" / BINDINGS
    assert at.stat().st_mode & 0o777 == 0o700
    assert files.bindings() == {"r1": bound({})}
    files.keep("r1", MARCH, ran(({}, rows("1"))))
    assert (tmp_path / "files/metrics/mirror/prefs.tsv").stat().st_mode & 0o777 == 0o640
    (at / "r1.json").write_text("{}")
    with pytest.raises(NotWritten) as refused:
        files.keep("r1", MARCH, ran(({}, rows("2"))))
    assert "r1.json is not as it was written" in refused.value.problem.why


def test_a_report_without_a_file_writes_none(files: Files, tmp_path: Path) -> None:
    files.bind("r1", bound({}))
    files.keep("other", MARCH, ran(({}, rows("1"))))
    assert [each.name for each in (tmp_path / "files").iterdir()] == [BINDINGS]


def test_what_is_there_is_merged_and_its_group_may_read_it(files: Files, tmp_path: Path) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    files.bind("r1", bound({}, group=group))
    (tmp_path / "files/metrics/mirror").mkdir(parents=True)
    at = tmp_path / "files/metrics/mirror/prefs.tsv"
    at.write_text("date\tn\n2026-02-01\t5\n")
    at.chmod(0o604)
    files.keep("r1", MARCH, ran(({}, rows("1"))))
    assert at.read_bytes() == b"date\tn\r\n2026-02-01\t5\r\n2026-03-01\t1\r\n"
    assert (at.stat().st_mode & 0o777, at.group()) == (0o644, group), "and those who could before"
    assert [each.name for each in at.parent.iterdir()] == ["prefs.tsv"]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (ran(), "shows no rows"),
        (ran(({}, rows("1"))), "no placeholder"),
        (ran(({"wiki": "enwiki"}, rows("1"))), "wiki = enwiki"),
        (ran(({"wiki": "../../x"}, rows("1"))), "keeps no such file"),
        (ran(({"wiki": "dewiki", "team": "a"}, rows("1"))), "keeps no such file"),
        (ran(({"wiki": "dewiki"}, rows("1")), ({"wiki": "dewiki"}, rows("2"))), "twice"),
        (ran(({"wiki": "dewiki"}, rows("1")), ({"wiki": "frwiki"}, rows("2", "2026-04-01"))), "rows of 2026-04-01"),
        (ran(({"wiki": "dewiki"}, [["2026-03-01"]])), "not as many values"),
        ({"cells": [{"outputs": [{"data": {MIME: {"rows": 1}}}]}]}, "no table"),
    ],
)
def test_j03_rows_that_are_for_no_file_of_the_report_change_nothing(
    files: Files, tmp_path: Path, document: Any, why: str
) -> None:
    """J03: what a notebook names is rows, and never a path."""
    files.bind("r1", bound())
    with pytest.raises(NotWritten) as refused:
        files.keep("r1", MARCH, document)
    assert why in refused.value.problem.why
    assert not [each for each in tmp_path.rglob("*") if each.is_file() and each.parent.name != BINDINGS]


def test_a_link_leads_nowhere(files: Files, tmp_path: Path) -> None:
    files.bind("r1", bound({}))
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "files/metrics").symlink_to(outside)
    with pytest.raises(NotWritten):
        files.keep("r1", MARCH, ran(({}, rows("1"))))
    assert not list(outside.iterdir())


def test_a_file_that_is_none_of_ours_is_not_written_over(files: Files, tmp_path: Path) -> None:
    files.bind("r1", bound({}))
    at = tmp_path / "files/metrics/mirror/prefs.tsv"
    at.parent.mkdir(parents=True)
    at.write_bytes(b"\xff\xfe")
    with pytest.raises(NotWritten, match="was not written"):
        files.keep("r1", MARCH, ran(({}, rows("1"))))
    with pytest.raises(Invalid, match=r"metrics/mirror/prefs.tsv is no data file. It is not in UTF-8"):
        files.table(bound({}), ())
    assert at.read_bytes() == b"\xff\xfe"
    assert [each.name for each in at.parent.iterdir()] == ["prefs.tsv"]


def test_a_directory_that_is_away_is_nothing_to_who_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("no folder")
    files = Files(tmp_path / "files")
    files.keep("r1", MARCH, ran())
    with pytest.raises(NotWritten):
        files.keep("r1", MARCH, ran(({}, rows("1"))))


def test_a_draft_of_who_was_killed_goes_after_a_day_and_no_other(files: Files, tmp_path: Path) -> None:
    at = tmp_path / "files/metrics/mirror"
    at.mkdir(parents=True)
    for name, age in ((".swap-old", 90_000), (".swap-new", 0), (".other", 90_000)):
        (at / name).touch()
        os.utime(at / name, (time.time() - age,) * 2)
    files.bind("r1", bound({}))
    files.keep("r1", MARCH, ran(({}, rows("1"))))
    assert sorted(each.name for each in at.iterdir()) == [".other", ".swap-new", "prefs.tsv"]


def test_a_group_that_is_not_there_is_said(files: Files) -> None:
    files.bind("r1", bound({}, group="nobody-is-in-it"))
    with pytest.raises(NotWritten) as refused:
        files.keep("r1", MARCH, ran(({}, rows("1"))))
    assert "there is no group nobody-is-in-it" in refused.value.problem.why


def test_weakness_3_a_correction_that_fails_leaves_what_was_there_and_can_be_had_again(
    files: Files, tmp_path: Path
) -> None:
    """A rerun that failed was forgotten and the old value stayed for good; here the run has failed, and is asked for anew."""
    files.bind("r1", bound({}))
    files.keep("r1", MARCH, ran(({}, rows("1"))))
    with pytest.raises(NotWritten):
        files.keep("r1", MARCH, ran(({}, rows("2", "soon"))))
    at = tmp_path / "files/metrics/mirror/prefs.tsv"
    assert at.read_bytes() == b"date\tn\r\n2026-03-01\t1\r\n"
    files.keep("r1", MARCH, ran(({}, rows("2"))))
    assert at.read_bytes() == b"date\tn\r\n2026-03-01\t2\r\n"
