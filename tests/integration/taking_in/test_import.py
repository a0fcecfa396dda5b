"""`swap notebooks import`: what former homes have is taken in once, with git's history, and nothing else is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import notebooks
from integration.gateway.gateways import runtime_for
from services import Database
from swap import content, runtime
from swap.identity import Principal, Via
from swap.notebooks import history, sight
from swap.people import service
from swap.settings import Policy, load
from swap.taking_in.__main__ import Importing

ROOT = os.geteuid() == 0
OWNER = 54_321
"""Whose the former homes are, where root tests."""


class Site:
    """A SWAP that seems to run, and a folder of former homes."""

    def __init__(self, database: Database, place: Path) -> None:
        self.database, self.place = database, place
        self.old = place / "old"
        self.old.mkdir()
        (place / "lock").write_text(str(os.getpid()))
        (place / "work").mkdir()
        self.here = runtime_for(database, place)
        self.homes = self.here.homes
        runtime.write(self.here, place / "runtime.json")
        self.config = place / "swap.toml"
        self.config.write_text('state = "."\npeople.file = "people.toml"\n')

    def person(self, name: str) -> str:
        person_id = "p" + name.ljust(9, "a")
        with self.database.engine("owner").begin() as conn:
            return service.ensure_person(conn, name, name, ("analysts",), lambda: person_id).id

    def folder(self, name: str) -> Path:
        made = self.old / name
        made.mkdir()
        return made

    def give(self) -> None:
        """Make the former homes somebody's, where root tests."""
        if ROOT:
            subprocess.run(["chown", "-R", "--no-dereference", str(OWNER), *self.old.iterdir()], check=True)

    def run(self) -> str:
        self.give()
        return self.run_as_it_is()

    def run_as_it_is(self) -> str:
        said: list[str] = []
        importing = Importing(load(self.config), self.here, said.append)
        try:
            assert importing.all_of(self.old) == 0
        finally:
            importing.close()
        return "".join(f"{line}\n" for line in said)

    def versions(self, person_id: str, path: str) -> list[Any]:
        wanted = (
            "SELECT notebook_version.* FROM swap.notebook_version JOIN swap.notebook ON id = notebook_id"
            " WHERE person_id = :person_id AND path = :path ORDER BY number"
        )
        with self.database.engine("owner").begin() as conn:
            return list(conn.execute(text(wanted), {"person_id": person_id, "path": path}))

    def sources(self, person_id: str, path: str) -> list[list[str]]:
        """Return the sources of each version's cells."""
        found = []
        with self.database.engine("owner").begin() as conn:
            for row in self.versions(person_id, path):
                manifest = history.manifest_at(conn, row.notebook_id, row.number)
                document = history.put(conn, row.notebook_id, manifest, {})
                found.append([cell["source"] for cell in document["cells"]])
        return found


@pytest.fixture
def site(module_database: Database, tmp_path: Path) -> Site:
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("TRUNCATE swap.person, swap.audit_event CASCADE"))
    return Site(module_database, tmp_path)


class Repository:
    """A former home with git, whose commits have the moments they are given."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self("init", "-q", "-b", "main")

    def __call__(self, *command: str, at: str = "2020-01-01T00:00:00Z") -> str:
        here = {
            "PATH": os.defpath,
            "HOME": str(self.place),
            "GIT_AUTHOR_NAME": "Ann Other",
            "GIT_AUTHOR_EMAIL": "x@y",
            "GIT_COMMITTER_NAME": "c",
            "GIT_COMMITTER_EMAIL": "c@c",
            "GIT_AUTHOR_DATE": at,
            "GIT_COMMITTER_DATE": at,
        }
        safe = f"safe.directory={self.place}"
        done = subprocess.run(
            ["git", "-c", safe, "-C", self.place, *command], env=here, capture_output=True, text=True, check=True
        )
        return done.stdout

    def commit(self, subject: str, at: str) -> None:
        self("add", "-A")
        self("commit", "-qm", subject, at=at)


def write(path: Path, *sources: str, **more: Any) -> bytes:
    """Write a notebook of these cells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [notebooks.code(source, *more.get("outputs", ())) for source in sources]
    for at, cell in enumerate(cells):
        cell["id"] = f"c{at}"
    path.write_bytes(json.dumps(notebooks.notebook(*cells)).encode())
    return path.read_bytes()


@pytest.fixture
def ann(site: Site) -> Iterator[tuple[str, Path]]:
    return site.person("ann"), site.folder("ann")


def test_a_notebook_comes_with_the_versions_that_git_has(site: Site, ann: tuple[str, Path]) -> None:
    person_id, old = ann
    git = Repository(old)
    write(old / "first.ipynb", "one", "two", "three", "four")
    git.commit("Begin", "2019-03-01T10:00:00Z")
    (old / "work").mkdir()
    git("mv", "first.ipynb", "work/moved ü.ipynb")
    git.commit("Move it", "2019-03-02T10:00:00Z")
    write(old / "work/moved ü.ipynb", "one", "two", "three", "4")
    git.commit("Change it", "2019-03-03T10:00:00Z")
    # Before what it follows, by its clock.
    file = write(old / "work/moved ü.ipynb", "one", "two", "3", "4")
    git.commit("Change it again" + " and again" * 20, "2018-01-01T10:00:00Z")
    (old / "data.csv").write_text("a,b")

    said = site.run()
    assert "ann/work/moved ü.ipynb: 3 versions" in said
    assert "ann: 1 notebooks with 3 versions taken in, 0 were there, 0 left out; not looked at: 1 other files" in said
    rows = site.versions(person_id, "work/moved ü.ipynb")
    assert [(row.number, row.parent, row.name[:20], row.kind, row.author, row.via) for row in rows] == [
        (1, None, "Begin (Ann Other)", "found", person_id, "import"),
        (2, 1, "Change it (Ann Other", "found", person_id, "import"),
        (3, 2, "Change it again and ", "found", person_id, "import"),
    ]
    moments = [datetime(2019, 3, day, 10, tzinfo=UTC) for day in (1, 3, 3)]
    assert [row.at for row in rows] == moments
    assert [each[2:] for each in site.sources(person_id, rows and "work/moved ü.ipynb")] == [
        ["three", "four"],
        ["three", "4"],
        ["3", "4"],
    ]
    placed = site.homes / person_id / "work/moved ü.ipynb"
    assert placed.read_bytes() == file
    assert rows[-1].file_digest.hex() == content.digest(file)
    with site.database.engine("owner").connect() as conn:
        found = conn.execute(text("SELECT person_id, detail FROM swap.audit_event WHERE event = 'notebook-taken-in'"))
        ((whose, detail),) = found.all()
    assert (whose, detail["versions"], detail["path"]) == (person_id, 3, "work/moved ü.ipynb")


def test_a_second_run_takes_what_is_new_alone(site: Site, ann: tuple[str, Path]) -> None:
    person_id, old = ann
    write(old / "a.ipynb", "one")
    site.give()
    command = [Path(sys.executable).parent / "swap", "notebooks", "import", site.old, "--config", site.config]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ann/a.ipynb: 1 version\n" in done.stdout
    (before,) = site.versions(person_id, "a.ipynb")
    write(old / "a.ipynb", "one", "two")
    write(old / "b.ipynb", "one")
    assert "ann: 1 notebooks with 1 versions taken in, 1 were there" in site.run()
    assert site.versions(person_id, "a.ipynb") == [before]


def test_what_was_changed_since_the_last_commit_is_a_version(site: Site, ann: tuple[str, Path]) -> None:
    person_id, old = ann
    git = Repository(old)
    write(old / "a.ipynb", "one")
    git.commit("Begin", "2019-03-01T10:00:00Z")
    git("pack-refs", "--all")
    git("gc", "-q")
    write(old / "a.ipynb", "two")
    site.run()
    assert [row.name for row in site.versions(person_id, "a.ipynb")] == ["Begin (Ann Other)", ""]
    assert site.sources(person_id, "a.ipynb") == [["one"], ["two"]]


def test_what_is_left_out_is_named_with_why(site: Site, ann: tuple[str, Path]) -> None:
    person_id, old = ann
    write(old / "good.ipynb", "one")
    (old / "broken.ipynb").write_text("{")
    (old / "three.ipynb").write_text(
        json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": []})
    )
    (old / "large.ipynb").write_bytes(b" " * (content.WHOLE_BYTES + 1))
    (old / "many.ipynb").write_text("[" * (content.WHOLE_PARTS + 1))
    write(old / "taken.ipynb", "theirs")
    write(site.homes / person_id / "taken.ipynb", "mine")
    write(site.folder("nobody") / "a.ipynb", "one")
    (site.old / "file").write_text("x")
    said = site.run()
    for line in (
        "broken.ipynb: it is no notebook that Jupyter reads",
        "large.ipynb: it has more than 50 MB",
        "many.ipynb: it has more than 200,000 parts",
        "taken.ipynb: another file of this name is in their home",
        "nobody: not taken in. Nobody of this name has signed in.",
        "file: not taken in. It is no folder, or a link.",
        "ann/good.ipynb: 1 version\n",
        "ann/three.ipynb: 1 version\n",
    ):
        assert line in said, said
    assert site.versions(person_id, "taken.ipynb") == []
    assert json.loads((site.homes / person_id / "taken.ipynb").read_bytes())["cells"][0]["source"] == "mine"
    # What had failed is taken in once nothing is in its way.
    (site.homes / person_id / "taken.ipynb").unlink()
    assert "ann/taken.ipynb: 1 version" in site.run()


def test_outputs_of_before_are_their_persons_alone(site: Site, ann: tuple[str, Path]) -> None:
    """F02: nobody recorded what they come from."""
    person_id, old = ann
    write(old / "a.ipynb", "one", outputs=[notebooks.printed("a secret")])
    site.run()
    (row,) = site.versions(person_id, "a.ipynb")
    other = site.person("bob")
    with site.database.engine("owner").begin() as conn:
        service.sign_in(conn, other, "s1", datetime.now(UTC), 7)
        outputs = history.manifest_at(conn, row.notebook_id, 1).outputs()
        bob = Principal(other, "bob", frozenset({"analysts"}), Via.PORTAL)
        assert sight.hidden(conn, Policy(ask="x"), bob, row.notebook_id, outputs, datetime.now(UTC)).keys() == outputs


HOSTILE = """
[core]
    fsmonitor = "touch {marker}; false"
    hooksPath = {hooks}
    pager = touch {marker}
    sshCommand = touch {marker}
    attributesFile = {hooks}/attributes
[diff "nb"]
    textconv = "touch {marker}; cat"
    command = touch {marker}
[filter "nb"]
    smudge = "touch {marker}; cat"
    clean = "touch {marker}; cat"
    required = true
[log]
    showSignature = true
[gpg]
    program = {hooks}/post-checkout
[diff]
    external = touch {marker}
"""


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that everybody may write into, by a path that everybody may go."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        Path(made).chmod(0o777)
        yield Path(made)


def test_nothing_of_a_repository_is_run(site: Site, ann: tuple[str, Path], open_place: Path) -> None:
    person_id, old = ann
    marker, hooks = open_place / "ran", open_place / "hooks"
    git = Repository(old)
    write(old / "a.ipynb", "one")
    git.commit("Begin", "2019-03-01T10:00:00Z")
    write(old / "a.ipynb", "two")
    git.commit("Go on", "2019-03-02T10:00:00Z")
    hooks.mkdir()
    for name in ("post-checkout", "post-index-change", "reference-transaction", "pre-commit"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {marker}\n")
        (hooks / name).chmod(0o755)
    (old / ".gitattributes").write_text("*.ipynb diff=nb filter=nb\n")
    with (old / ".git/config").open("a") as config:
        config.write(HOSTILE.format(marker=marker, hooks=hooks))
    for command in (("status",), ("log", "-p", "--ext-diff"), ("checkout", "-f", "HEAD~0")):
        subprocess.run(
            ["git", "-c", f"safe.directory={old}", "-C", old, *command], capture_output=True, check=False, timeout=60
        )
        assert marker.exists(), "the control: git itself runs it"
        marker.unlink()
    subprocess.run(["touch", marker], check=True, user=OWNER if ROOT else None)
    marker.unlink()  # whoever reads it could leave the mark
    said = site.run()
    assert not marker.exists()
    assert "ann/a.ipynb: 2 versions" in said
    assert site.sources(person_id, "a.ipynb") == [["one"], ["two"]]


def test_nothing_outside_of_the_folder_is_read(site: Site, ann: tuple[str, Path]) -> None:
    person_id, old = ann
    outside = site.place / "outside"
    outside.mkdir()
    other = Repository(outside)
    write(outside / "secret.ipynb", "secret")
    other.commit("Secret", "2019-03-01T10:00:00Z")
    secret = other("rev-parse", "HEAD").strip()
    write(old / "own.ipynb", "own")
    (old / "link.ipynb").symlink_to(outside / "secret.ipynb")
    (old / "linked").symlink_to(outside)
    (old / "pipe.ipynb").parent.mkdir(exist_ok=True)
    os.mkfifo(old / "pipe.ipynb")
    for name, make in {
        "git-link": lambda at: (at / ".git").symlink_to(outside / ".git"),
        "git-file": lambda at: (at / ".git").write_text(f"gitdir: {outside}/.git\n"),
        "objects-link": lambda at: _borrowed(at, outside, secret, "link"),
        "alternates": lambda at: _borrowed(at, outside, secret, "alternates"),
        "head-link": lambda at: _borrowed(at, outside, secret, "head"),
    }.items():
        write(old / name / "secret.ipynb", "mine")
        make(old / name)
    control = old / "control"
    write(control / "secret.ipynb", "mine")
    subprocess.run(["cp", "-r", outside / ".git", control], check=True)

    said = site.run()
    assert site.sources(person_id, "control/secret.ipynb") == [["secret"], ["mine"]], "the control"
    for name in ("git-link", "git-file", "objects-link", "alternates", "head-link"):
        assert site.sources(person_id, f"{name}/secret.ipynb") == [["mine"]], name
        assert f"{name}/: no history, for " in said
    assert "2 links" in said
    assert site.sources(person_id, "own.ipynb") == [["own"]]
    assert not site.versions(person_id, "link.ipynb")
    assert not site.versions(person_id, "linked/secret.ipynb")


def _borrowed(at: Path, outside: Path, commit: str, how: str) -> None:
    Repository(at)
    (at / ".git/HEAD").write_text(commit)
    if how == "alternates":
        (at / ".git/objects/info/alternates").write_text(f"{outside}/.git/objects\n")
        return
    subprocess.run(["rm", "-r", at / ".git/objects"], check=True)
    if how == "link":
        (at / ".git/objects").symlink_to(outside / ".git/objects")
    else:
        subprocess.run(["cp", "-r", outside / ".git/objects", at / ".git"], check=True)
        (at / ".git/HEAD").unlink()
        (at / ".git/HEAD").symlink_to(outside / ".git/HEAD")


def test_a_link_in_a_home_leads_nowhere(site: Site, ann: tuple[str, Path]) -> None:
    person_id, old = ann
    write(old / "work/a.ipynb", "one")
    elsewhere = site.place / "elsewhere"
    elsewhere.mkdir()
    (site.homes / person_id).mkdir(parents=True)
    (site.homes / person_id / "work").symlink_to(elsewhere)
    assert "work/a.ipynb: SWAP cannot write in your home directory" in site.run()
    assert not list(elsewhere.iterdir())
    assert not site.versions(person_id, "work/a.ipynb")


@pytest.mark.parametrize("who", ["root", "owner"])
def test_root_reads_nothing_itself(site: Site, ann: tuple[str, Path], who: str) -> None:
    """Where root runs it, a folder is read with the rights of its owner; elsewhere, with those of SWAP's own user."""
    person_id, old = ann
    write(old / "own.ipynb", "one")
    write(old / "closed.ipynb", "of root")
    (old / "closed.ipynb").chmod(0o000)
    if not ROOT or who == "root":
        said = site.run_as_it_is()
        assert ("It belongs to root" in said) == ROOT
        return
    os.chown(old, OWNER, OWNER)
    said = site.run_as_it_is()
    assert "closed.ipynb: it cannot be read (Permission denied)" in said
    assert site.versions(person_id, "own.ipynb")
