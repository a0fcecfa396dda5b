"""A disk of its own for each person: an image of fixed size, mounted, so that nobody can fill everybody's.

The image is a sparse file: it takes what is in it, and no more than its size.  Number of files is limited with it.
All mounts are the machine's; they stay until `close_all`, also when servers and SWAP's processes end.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from swap import homes
from swap.errors import Problem, Unavailable

FOLDER = "disks"


def home(state: Path, root: Path, person_id: str, uid: int, size_bytes: int | None) -> Path:
    """Return a person's home, theirs and private, on a disk of its own where one is to have a size.

    Raises Forbidden, Unavailable, OSError.
    """
    if size_bytes:
        opened(state, root, person_id, uid, size_bytes)
    return homes.make(root, person_id, uid)


def opened(state: Path, root: Path, person_id: str, uid: int, size_bytes: int) -> Path:
    """Return where a person's disk is mounted; its `home` is also the person's home below `root`.

    Made, with what the home held before, where there is none yet.  Raises Unavailable.
    """
    folder = state / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    place, home = homes.place(folder, person_id), homes.place(root, person_id)
    with _alone(folder / f"{person_id}.lock"):
        if place.is_mount() and home.is_mount():
            return place
        image = folder / f"{person_id}.img"
        if not image.exists():
            _make(image, place, homes.make(root, person_id, uid), size_bytes)
        _mount(image, place)
        homes.make_directory(place / "home", uid)
        homes.make(root, person_id, uid)
        if not home.is_mount():
            _run("mount", "--bind", str(place / "home"), str(home))
    return place


def close_all(state: Path, root: Path) -> None:
    """Unmount every disk; one that is still used stays until its last user lets go."""
    for folder in (root, state / FOLDER):
        for place in sorted(folder.glob("p?????????")) if folder.is_dir() else []:
            if place.is_mount():
                _run("umount", "--lazy", str(place))


def _make(image: Path, place: Path, before: Path, size_bytes: int) -> None:
    """Make an image with what the home holds; it has its name when all is in it, and the former home is kept aside."""
    draft = image.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.ftruncate(descriptor, size_bytes)
    finally:
        os.close(descriptor)
    _run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", str(draft))
    _mount(draft, place)
    try:
        place.chmod(0o711)
        # As they are: owners, moments, links as links; nothing outside is followed.
        _run("cp", "--archive", "--one-file-system", str(before), str(place / "home"))
    finally:
        _run("umount", str(place))
    draft.rename(image)
    if any(before.iterdir()):
        before.rename(image.with_suffix(".before"))


def _mount(image: Path, place: Path) -> None:
    place.mkdir(mode=0o700, exist_ok=True)
    if not place.is_mount():
        _run("mount", "-o", "loop,nosuid,nodev", str(image), str(place))


def _run(*command: str) -> None:
    """Run a program of the system.  Raises Unavailable with what it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 — ours, and no shell
        said = (done.stderr.strip() or f"status {done.returncode}") if done.returncode else ""
    except FileNotFoundError:
        said = f"{command[0]} is not installed"
    if said:
        raise Unavailable(
            Problem(
                "Your disk cannot be opened.",
                why=f"{command[0]}: {said.splitlines()[-1]}.",
                todo="Ask the people who run SWAP to look at launch.disk_bytes and at this machine's disk.",
            )
        )


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time open a disk."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
