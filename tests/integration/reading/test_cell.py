"""Whoever took a reader of notebooks over, by a notebook, finds no network, no secret and nobody else in its cell."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import notebooks
from cells import NO_CELL, NO_USER, NO_VIEW, Attackers
from swap.forking import shared
from swap.reading.program import PROGRAM
from swap.reading.room import Room
from swap.settings import Launch
from swap.walls.cell import Cell

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can shut a program in")

UID = Launch().notebooks_uid


@pytest.fixture
def state() -> Iterator[Path]:
    """A directory that others may pass through, as root's SWAP has it."""
    with tempfile.TemporaryDirectory(prefix="swap-cell-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
def attackers(tmp_path: Path) -> Iterator[Attackers]:
    made = Attackers(tmp_path, "swap.reading.child", Cell(UID, str(tmp_path / "view")))
    yield made
    made.close()


def test_notebooks_are_read_in_a_cell_and_by_a_user_who_owns_nothing(state: Path) -> None:
    room = Room(shared(PROGRAM, cell=Cell(UID, str(state / "reading"))), seconds=120)
    try:
        content = notebooks.content(notebooks.markdown("# Title $x$"), notebooks.code("1", notebooks.shown({"image/png": notebooks.png()})))  # fmt: skip
        found = room.render("paaaaaaaaa", content)
        reader = Path(f"/proc/{room._idle['paaaaaaaaa']._forked.pid}")
        name = found.html.partition('src="')[2].partition('"')[0]
        assert found.title == "Title"
        assert room.picture("paaaaaaaaa", "x", name, lambda: content)[1] == "image/png"
        assert reader.stat().st_uid == UID or f"Uid:\t{UID}" in (reader / "status").read_text()
        for kind in ("net", "mnt", "ipc"):
            assert (reader / "ns" / kind).readlink() != Path(f"/proc/self/ns/{kind}").readlink()
    finally:
        room.close()


def test_a_secret_cannot_be_read_and_user_and_view_are_each_enough(state: Path, attackers: Attackers) -> None:
    secret = state / "secret"
    secret.touch(mode=0o600)
    secret.write_text("of a store")
    attempt = f"Path({str(secret)!r}).read_text()"

    assert attackers.try_(attempt) == "ENOENT"
    assert attackers.try_(attempt, NO_USER) == "ENOENT"
    assert attackers.try_(attempt, NO_VIEW) == "EACCES"
    assert attackers.try_(attempt, NO_CELL) == "of a store"


def test_nobody_can_be_asked_over_the_network(attackers: Attackers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        attempt = f"socket.create_connection(('127.0.0.1', {listening.getsockname()[1]}), 2).fileno() > 0"
        assert attackers.try_(attempt) in {"ECONNREFUSED", "ENETUNREACH", "EPERM", "EACCES"}
        assert attackers.try_(attempt, NO_CELL) is True
