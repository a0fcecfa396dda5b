"""Who can write the directory of data files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from swap.reports import writing
from swap.reports.files import Binding, Files
from swap.reports.tsv import Unit
from swap.settings import Settings

WORKER = 2_100_000_009
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def told(tmp_path: Path, **reports: str) -> list[tuple[str, str]]:
    return writing.told(Settings.model_validate({"state": str(tmp_path), "reports": reports}))


def test_a_site_without_one_is_told_nothing_and_one_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert told(tmp_path) == []
    files = str(tmp_path / "files")
    ((saw, todo),) = told(tmp_path, files=files)
    assert saw == f"{files}: it is not there"
    assert todo
    (tmp_path / "files").mkdir()
    assert told(tmp_path, files=files) == [(f"reports can write {files}", "")]


@needs_root
def test_what_is_ours_is_given_to_who_writes_and_readers_go_on_reading(tmp_path: Path) -> None:
    root, daemon = tmp_path / "files", 1
    Files(root).bind("r1", Binding("metrics", "prefs", Unit.MONTHS, None, "", {}))
    folder, file = root / "metrics", root / "metrics" / "prefs.tsv"
    folder.mkdir()
    (tmp_path / "secret").write_text("")
    for name in ("prefs.tsv", "other.tsv"):
        (folder / name).write_text("date\r\n")
    (folder / "link.tsv").hardlink_to(tmp_path / "secret")
    (folder / "way").symlink_to(tmp_path / "secret")
    os.chown(folder / "other.tsv", 1, 1)
    os.chown(folder, 0, daemon)
    assert "cannot be written" in writing.why_not(root, WORKER)

    writing.hand_over(root, WORKER)

    assert [each.stat().st_uid for each in (root, root / ".reports", folder, file)] == [WORKER] * 4
    assert (file.stat().st_gid, folder.stat().st_mode & 0o2000) == (daemon, 0o2000)
    assert ((folder / "other.tsv").stat().st_uid, (tmp_path / "secret").stat().st_uid) == (1, 0)
    assert writing.why_not(root, WORKER) == ""
    os.chown(file, WORKER, 2)
    assert "metrics/prefs.tsv is a group's" in writing.why_not(root, WORKER)
    os.chown(folder, 0, daemon)
    assert writing.why_not(root, WORKER) == "metrics cannot be written"
