"""A home directory as the portal touches it."""

from __future__ import annotations

import errno
import itertools
import json
import os
from pathlib import Path

import pytest

from swap.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from swap.notebooks import service
from swap.notebooks import workspace as workspaces
from swap.notebooks.workspace import READ_LIMIT, Workspace, explained

PERSON = "paaaaaaaaa"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / PERSON
    made.mkdir()
    return made


@pytest.fixture
def workspace(home: Path) -> Workspace:
    return Workspace(home.parent, PERSON)


def token() -> str:
    return next(_names)


_names = (f"t{number}" for number in itertools.count())


@pytest.mark.parametrize("person_id", ["", "..", "pbbbbbbbbb/..", "paaaaaaaa", "PAAAAAAAAA", "paaaaaaaaa\n"])
def test_only_a_person_id_names_a_home(tmp_path: Path, person_id: str) -> None:
    with pytest.raises(Forbidden):
        Workspace(tmp_path, person_id)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a.txt",
        "../x.ipynb",
        "a/../x.ipynb",
        "/x.ipynb",
        "a//x.ipynb",
        ".",
        "a\\x.ipynb",
        "a\x00.ipynb",
        "a\n.ipynb",
        "x/" * 600 + "a.ipynb",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_not_there(workspace: Workspace, path: str) -> None:
    with pytest.raises(NotFound):
        workspace.read(path)


def test_links_pipes_and_directories_are_not_notebooks(workspace: Workspace, home: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.ipynb"
    outside.write_text("{}", encoding="utf-8")
    (home / "link.ipynb").symlink_to(outside)
    (home / "folder").symlink_to(tmp_path)
    os.mkfifo(home / "pipe.ipynb")
    (home / "directory.ipynb").mkdir()
    assert workspace.find() == ([], True)
    for path in ("link.ipynb", "folder/outside.ipynb", "pipe.ipynb", "directory.ipynb"):
        with pytest.raises(NotFound):
            workspace.read(path)


def test_what_is_no_notebook_is_not_left_open(workspace: Workspace, home: Path) -> None:
    (home / "directory.ipynb").mkdir()
    os.mkfifo(home / "pipe.ipynb")
    before = sorted(Path("/proc/self/fd").iterdir())
    for path in ("directory.ipynb", "pipe.ipynb"):
        for look in (workspace.read, workspace.open):
            with pytest.raises(NotFound):
                look(path)

    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_a_missing_home_is_empty_and_is_made_when_it_is_written(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, PERSON)
    assert workspace.find() == ([], True)
    assert service.new(workspace, "SELECT 1", token) == "untitled-1.ipynb"
    assert (tmp_path / PERSON).stat().st_mode & 0o777 == 0o700
    assert (tmp_path / PERSON / "untitled-1.ipynb").stat().st_mode & 0o777 == 0o600


def test_a_taken_name_is_never_written_over(workspace: Workspace, home: Path) -> None:
    (home / "untitled-1.ipynb").write_text("mine", encoding="utf-8")
    (home / "untitled-2.ipynb").symlink_to(home / "nowhere")
    assert service.new(workspace, "SELECT 1", token) == "untitled-3.ipynb"
    assert (home / "untitled-1.ipynb").read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in home.iterdir()) == ["untitled-1.ipynb", "untitled-2.ipynb", "untitled-3.ipynb"]


@pytest.mark.parametrize("first", [None, 1])
def test_names_are_tried_to_a_limit(
    workspace: Workspace, home: Path, monkeypatch: pytest.MonkeyPatch, first: int | None
) -> None:
    monkeypatch.setattr(workspaces, "NAMES_LIMIT", 3)
    for number in range(10):
        (home / f"a-{number}.ipynb").touch()
    (home / "a.ipynb").touch()

    with pytest.raises(Conflict, match="3 files here are called a and a number"):
        workspace.put("a", [b"{}"], "draft", first=first)
    assert not (home / "draft").exists()


def test_a_name_that_is_too_long_for_the_disk_is_said_to_be(workspace: Workspace, home: Path) -> None:
    (home / "a.ipynb").touch()
    with pytest.raises(Invalid, match="too long"):
        workspace.rename("a.ipynb", "a" * 300 + ".ipynb")
    with pytest.raises(Invalid, match="too long"):
        workspace.put("a" * 300, [b"{}"], "draft", first=None)
    assert [path.name for path in home.iterdir()] == ["a.ipynb"]


def test_a_file_with_too_many_names_is_said_to_have_them() -> None:
    with pytest.raises(Conflict, match="too many names"), explained():
        raise OSError(errno.EMLINK, "as the system says it")


def test_a_home_that_is_no_directory_is_explained(tmp_path: Path) -> None:
    (tmp_path / PERSON).write_text("a file", encoding="utf-8")
    with pytest.raises(Unavailable, match="cannot write"):
        service.new(Workspace(tmp_path, PERSON), "SELECT 1", token)


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "full"), (errno.EDQUOT, "full"), (errno.EROFS, "cannot write"), (errno.EACCES, "cannot write")],
)
def test_what_the_file_system_refuses_is_explained(number: int, says: str) -> None:
    with pytest.raises(Unavailable, match=says), explained():
        raise OSError(number, "as the system says it")


def test_a_huge_or_broken_notebook_goes_by_its_name(workspace: Workspace, home: Path) -> None:
    (home / "huge.ipynb").write_bytes(b" " * (READ_LIMIT + 1))
    (home / "broken.ipynb").write_text("{", encoding="utf-8")
    (home / "deep.ipynb").write_text("[" * 100_000, encoding="utf-8")
    (home / "odd.ipynb").write_text(
        json.dumps(
            {
                "cells": [
                    1,
                    None,
                    {"cell_type": "markdown", "source": 5},
                    {"cell_type": "markdown", "source": [1, "# Odd"]},
                ]
            }
        ),
        encoding="utf-8",
    )
    titles = {notebook.path: notebook.title for notebook in service.recent(workspace, 10).notebooks}
    assert titles == {"huge.ipynb": "huge", "broken.ipynb": "broken", "deep.ipynb": "deep", "odd.ipynb": "Odd"}


def test_the_newest_come_first_and_hidden_folders_are_left_out(workspace: Workspace, home: Path) -> None:
    for age, name in enumerate(("new.ipynb", "ideas/older.ipynb", ".ipynb_checkpoints/x.ipynb", "oldest.ipynb")):
        path = home / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}", encoding="utf-8")
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    listing = service.recent(workspace, 2)
    assert [notebook.path for notebook in listing.notebooks] == ["new.ipynb", "ideas/older.ipynb"]
    assert not listing.complete
    assert listing.notebooks[1].folder == "ideas"
    assert service.count(workspace) == 3


def test_a_home_without_end_is_searched_to_a_limit(workspace: Workspace, home: Path) -> None:
    deep = home / "/".join("abcdefgh")
    deep.mkdir(parents=True)
    (deep / "x.ipynb").write_text("{}", encoding="utf-8")
    assert workspace.find() == ([], False)


def test_an_example_is_copied_without_what_was_computed(workspace: Workspace, home: Path, tmp_path: Path) -> None:
    examples = tmp_path / "examples"
    examples.mkdir()
    (examples / "one.ipynb").write_text(
        json.dumps(
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "source": "%%swap pages\nSELECT 1",
                        "outputs": [1],
                        "execution_count": 2,
                        "metadata": {"trusted": True, "tags": ["x"]},
                    },
                    {"cell_type": "markdown", "source": "# Heading"},
                    {"cell_type": "code", "source": "pages.chart()"},
                ],
                "metadata": {"widgets": {}, "swap": {"summary": "What it shows"}},
            }
        ),
        encoding="utf-8",
    )
    (examples / "broken.ipynb").write_text("{", encoding="utf-8")
    found = service.examples(examples, has_r=False)
    assert [(example.name, example.title, example.summary, example.sql, example.chart) for example in found] == [
        ("one", "Heading", "What it shows", "SELECT 1", "pages.chart()")
    ]
    assert service.copy_example(workspace, examples, "one", token) == "one.ipynb"
    copy = json.loads((home / "one.ipynb").read_text(encoding="utf-8"))
    assert copy["cells"][0] == {
        "cell_type": "code",
        "source": "%%swap pages\nSELECT 1",
        "outputs": [],
        "execution_count": None,
        "metadata": {"tags": ["x"]},
    }
    assert "widgets" not in copy["metadata"]
    with pytest.raises(NotFound):
        service.copy_example(workspace, examples, "../one", token)
    assert service.examples(None, has_r=False) == ()


@pytest.mark.parametrize(("has_r", "offered"), [(True, ["in-python", "in-r"]), (False, ["in-python"])])
def test_an_example_in_r_is_offered_where_there_is_r(tmp_path: Path, has_r: bool, offered: list[str]) -> None:
    for language in ("python", "R"):
        document = {"cells": [], "metadata": {"kernelspec": {"name": "any", "language": language}}}
        (tmp_path / f"in-{language.lower()}.ipynb").write_text(json.dumps(document), encoding="utf-8")
    assert [example.name for example in service.examples(tmp_path, has_r=has_r)] == offered


def test_a_home_of_heavy_notebooks_is_listed_without_reading_them_all(workspace: Workspace, home: Path) -> None:
    heavy = {
        "cells": [{"cell_type": "markdown", "source": "# A title"}, {"cell_type": "raw", "source": "x" * 3_900_000}]
    }
    for age in range(12):
        path = home / f"n{age:02}.ipynb"
        path.write_text(json.dumps(heavy), encoding="utf-8")
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))

    titles = [notebook.title for notebook in service.recent(workspace, 500).notebooks]

    assert titles == ["A title"] * 10 + ["n10", "n11"], "10 of them are 39 MB"


def test_a_home_of_many_files_is_searched_to_a_limit(
    workspace: Workspace, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        (home / f"{number}.ipynb").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(workspaces, "ENTRIES_LIMIT", 5)
    assert workspace.find()[1]

    monkeypatch.setattr(workspaces, "ENTRIES_LIMIT", 4)
    found, complete = workspace.find()

    assert (len(found), complete) == (4, False)


def test_a_notebook_over_the_limit_is_not_read_in_part(workspace: Workspace, home: Path) -> None:
    (home / "long.ipynb").write_text("{}" + " " * READ_LIMIT, encoding="utf-8")

    with pytest.raises(NotFound):
        workspace.read("long.ipynb")
