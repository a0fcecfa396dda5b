"""Layers are thrown away, whatever is in them, and nothing beside them is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from swap.client import removing


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    made = tmp_path / "swap"
    (made / "python3.11" / "lib").mkdir(parents=True)
    (made / "python3.11" / "lib" / "file").touch()
    (made / "notes.txt").touch()
    return made


@pytest.fixture
def directory(layers: Path) -> Iterator[int]:
    descriptor = os.open(layers, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_all_layers_go_and_nothing_else(layers: Path, directory: int) -> None:
    (layers / "python3.12").touch()

    removing.throw_away(directory, 60)

    assert [path.name for path in layers.iterdir()] == ["notes.txt"]


def test_no_link_is_followed(layers: Path, directory: int, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    (layers / "python3.12").symlink_to(kept)
    (layers / "python3.11" / "link").symlink_to(kept)
    (layers / "python3.11" / "lib" / "link").symlink_to(kept / "file")

    removing.throw_away(directory, 60)

    assert (kept / "file").exists()
    assert [path.name for path in layers.iterdir()] == ["notes.txt"]


def test_folders_without_end_go_too(layers: Path, directory: int) -> None:
    here = os.open(layers / "python3.11", os.O_RDONLY)
    for _ in range(3_000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)

    removing.throw_away(directory, 60)

    assert [path.name for path in layers.iterdir()] == ["notes.txt"]


def test_what_takes_too_long_is_out_of_use_at_once_and_goes_the_next_time(layers: Path, directory: int) -> None:
    removing.throw_away(directory, 0)

    (aside,) = (path for path in layers.iterdir() if path.name != "notes.txt")
    assert aside.name.startswith(removing.ASIDE)
    assert (aside / "lib" / "file").exists()
    removing.throw_away(directory, 60)
    assert [path.name for path in layers.iterdir()] == ["notes.txt"]
