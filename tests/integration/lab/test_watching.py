"""What git, `cp` and programs do to notebooks in a home is a version without anybody saving in JupyterLab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Row, select

import saves
from integration.lab.desks import PATIENCE, Desk
from integration.lab.stand_ins import wait_for
from integration.lab.test_saving import desk, gateway, shared
from swap.db.notebook_tables import notebook

__all__ = ["desk", "gateway", "shared"]

GIT = ("git", "-c", "user.name=ann", "-c", "user.email=ann@localhost")


def write(desk: Desk, text: str, path: str = "a.ipynb") -> None:
    (desk.home / path).write_text(json.dumps(saves.notebook(text)))


def run(desk: Desk, *command: str) -> None:
    subprocess.run(command, cwd=desk.home, check=True, capture_output=True)


def until(desk: Desk, kinds: list[str], path: str = "a.ipynb") -> None:
    wait_for(f"{path} as {kinds}", lambda: desk.kinds(path) == kinds, seconds=PATIENCE)


def all_is_seen(desk: Desk) -> None:
    """Wait until what was written before this has been looked at: the oldest change is looked at first."""
    write(desk, "last", "last.ipynb")
    until(desk, ["found"], "last.ipynb")


def row(desk: Desk, path: str = "a.ipynb") -> Row[tuple[str, str, int]]:
    of = notebook.c
    wanted = select(of.id, of.copied_from, of.copied_version, of.deleted_at)
    with desk.gateway.database.engine("owner").connect() as conn:
        return conn.execute(wanted.where(of.person_id == desk.person.id, of.path == desk.path(path))).one()


def test_what_a_program_writes_is_a_version_that_nobody_saved(desk: Desk) -> None:
    desk.save(saves.notebook("one"))
    write(desk, "two")
    until(desk, ["saved", "found"])
    write(desk, "three")
    until(desk, ["saved", "found", "found"])
    assert desk.versions() == [saves.notebook(text) for text in ("one", "two", "three")]
    assert desk.save(saves.notebook("four")).status_code == 200
    assert desk.kinds() == ["saved", "found", "found", "saved"]


def test_a_notebook_that_a_program_makes_has_a_history_and_so_have_those_of_a_new_folder(desk: Desk) -> None:
    write(desk, "one")
    until(desk, ["found"])
    (desk.home / "there" / "below").mkdir(parents=True)
    write(desk, "two", "there/below/b.ipynb")
    until(desk, ["found"], "there/below/b.ipynb")
    run(desk, "cp", "-r", "there", "again")
    until(desk, ["found"], "again/below/b.ipynb")
    assert desk.versions("again/below/b.ipynb") == [saves.notebook("two")]


def test_a_file_that_cp_copies_begins_as_a_copy_of_what_it_was(desk: Desk) -> None:
    desk.save(saves.notebook("one"))
    desk.save(saves.notebook("two"))
    run(desk, "cp", "a.ipynb", "b.ipynb")
    until(desk, ["found"], "b.ipynb")
    copy = row(desk, "b.ipynb")
    assert (copy.copied_from, copy.copied_version) == (row(desk).id, 2)


def test_what_mv_moves_keeps_its_history(desk: Desk) -> None:
    desk.save(saves.notebook("one"))
    (desk.home / "old").mkdir()
    desk.save(saves.notebook("in"), "old/in.ipynb")
    notebooks = row(desk).id, row(desk, "old/in.ipynb").id
    run(desk, "mv", "a.ipynb", "b.ipynb")
    run(desk, "mv", "old", "new")
    all_is_seen(desk)
    assert (row(desk, "b.ipynb").id, row(desk, "new/in.ipynb").id) == notebooks
    write(desk, "two", "new/in.ipynb")
    until(desk, ["saved", "found"], "new/in.ipynb")


def test_what_git_checks_out_is_a_version_though_it_was_one_before(desk: Desk) -> None:
    run(desk, *GIT, "init", "-q")
    for text in ("one", "two"):
        desk.save(saves.notebook(text))
        run(desk, *GIT, "add", "a.ipynb")
        run(desk, *GIT, "commit", "-q", "-m", text)
    run(desk, *GIT, "checkout", "-q", "HEAD~1", "--", "a.ipynb")
    until(desk, ["saved", "saved", "found"])
    assert desk.versions() == [saves.notebook(text) for text in ("one", "two", "one")]


def test_a_notebook_that_nbconvert_writes_in_its_place_is_a_version(desk: Desk) -> None:
    said = {"output_type": "stream", "name": "stdout", "text": "1\n"}
    desk.save(saves.notebook("print(1)", outputs={0: [said]}))
    run(desk, sys.executable, "-m", "nbconvert", "--clear-output", "--inplace", "a.ipynb")
    until(desk, ["saved", "found"])
    assert all(not cell.get("outputs") for cell in desk.versions()[-1]["cells"])


def test_a_file_that_is_taken_away_and_put_back_goes_on(desk: Desk) -> None:
    desk.save(saves.notebook("one"))
    (desk.home / "a.ipynb").unlink()
    all_is_seen(desk)
    assert row(desk).deleted_at is None
    write(desk, "two")
    until(desk, ["saved", "found"])


def test_what_jupyterlab_saves_and_renames_is_not_found_once_more(desk: Desk) -> None:
    for text in ("one", "two"):
        desk.save(saves.notebook(text))
    assert desk.contents("PATCH", json={"path": desk.path("b.ipynb")}).status_code == 200
    # In the former place another begins at once: the word of the move must not take it along.
    desk.save(saves.notebook("another"))
    all_is_seen(desk)
    assert desk.versions("b.ipynb") == [saves.notebook("one"), saves.notebook("two")]
    assert desk.versions() == [saves.notebook("another")]
    assert (desk.kinds("b.ipynb"), desk.kinds()) == (["saved", "saved"], ["saved"])


def test_hidden_files_and_those_of_packages_are_nobodys_notebooks(desk: Desk) -> None:
    for path in (".ipynb_checkpoints/a-checkpoint.ipynb", "node_modules/a.ipynb", ".hidden.ipynb", "text.txt"):
        (desk.home / path).parent.mkdir(exist_ok=True)
        write(desk, "no", path)
    all_is_seen(desk)
    with desk.gateway.database.engine("owner").connect() as conn:
        paths = conn.scalars(select(notebook.c.path).where(notebook.c.path.startswith(desk.path("")))).all()
    assert paths == [desk.path("last.ipynb")]


def test_what_is_no_notebook_though_it_is_called_one_holds_nobody_up(desk: Desk) -> None:
    os.mkfifo(desk.home / "pipe")
    (desk.home / "pipe").rename(desk.home / "pipe.ipynb")
    (desk.home / "folder.ipynb").mkdir()
    (desk.home / "loop.ipynb").symlink_to("loop.ipynb")
    (desk.home / "torn.ipynb").write_text('{"cells": [')
    all_is_seen(desk)
    assert desk.save(saves.notebook("one")).status_code in {200, 201}
    assert desk.kinds() == ["saved"]


def test_what_is_written_while_swap_is_away_is_a_version_when_it_is_back(desk: Desk) -> None:
    desk.save(saves.notebook("one"))
    desk.cut()
    write(desk, "two")
    wait_for("the journal", desk.journal, seconds=PATIENCE)
    desk.mend()
    until(desk, ["saved", "found"])
    wait_for("the journal's end", lambda: not desk.journal(), seconds=PATIENCE)


def test_folders_outside_the_home_are_not_watched_though_a_link_leads_there(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(json.dumps(saves.notebook("one")))
    (desk.home / "linked").symlink_to(tmp_path)
    write(desk, "two", "linked/a.ipynb")
    all_is_seen(desk)
    assert desk.kinds("linked/a.ipynb") == []
