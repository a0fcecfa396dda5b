"""Make a view of the files, and nothing else, the root of all files of this process."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from swap.walls.kernel import CLONE_NEWNS, call, system_call

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
_MS_SLAVE: Final = 0x80000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV, _AT_RECURSIVE, _AT_FDCWD = 1, 2, 4, 0x8000, -100
_AT_EMPTY_PATH: Final = 0x1000
_OPEN_TREE_CLONE: Final = 1
_MNT_DETACH: Final = 2
_MEMORY: Final = "64m"
_DEVICES: Final = ("null", "zero", "full", "random", "urandom", "tty")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    call("mount", source.encode(), target.encode(), kind and kind.encode(), flags, options.encode())


def _attributes(target: str, attributes: int, *, below: bool = True) -> None:
    """Set what a mount, and with `below` every mount below it, may not do."""
    wanted = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if below else 0
    system_call("mount_setattr", _AT_FDCWD, target.encode(), flags, ctypes.byref(wanted), 32)


def tree(directory: str, *, to_be_written: bool = False) -> int:
    """Return a handle on a directory as it is now, with all that is mounted below it, to be read, or also written.

    Whoever holds it finds what is below it, also through a new root of all files, and no `..` leads above it.  Raises
    OSError.
    """
    handle = system_call("open_tree", _AT_FDCWD, directory.encode(), _OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_RECURSIVE)
    wanted = (ctypes.c_uint64 * 4)((0 if to_be_written else _ATTR_RDONLY) | _ATTR_NOSUID | _ATTR_NODEV)
    system_call("mount_setattr", handle, b"", _AT_EMPTY_PATH | _AT_RECURSIVE, ctypes.byref(wanted), 32)
    return handle


def _bind(source: str, target: str, attributes: int) -> None:
    """Show a file or directory of the machine at a place of the view."""
    place = Path(target)
    if os.path.isdir(source):  # noqa: PTH112 — pathlib and this say the same, and the next line needs text
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    _mount(source, target, None, _MS_BIND | _MS_REC)
    _attributes(target, attributes)


def _devices(directory: Path) -> None:
    """Make /dev: what reads and writes nothing of the machine, terminals of its own, shared memory of its own."""
    directory.mkdir()
    for name in _DEVICES:
        _bind(f"/dev/{name}", str(directory / name), _ATTR_NOSUID)
    (directory / "pts").mkdir()
    _mount("devpts", str(directory / "pts"), "devpts", _MS_NOSUID | _MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
    (directory / "shm").mkdir()
    _mount("tmpfs", str(directory / "shm"), "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=1777")
    for name, leads_to in (
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ):
        (directory / name).symlink_to(leads_to)


def lay_memory_over(directory: str, gid: int) -> None:
    """Lay a directory in memory over another, which this process and what it starts see, and a group may read.

    What the machine mounts from then on is seen as before.
    """
    call("unshare", CLONE_NEWNS)
    _mount("", "/", None, _MS_REC | _MS_SLAVE)
    _mount(
        "tmpfs", directory, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, f"mode=0750,uid=0,gid={gid},size={_MEMORY}"
    )


def outermost(paths: Iterable[Path]) -> list[Path]:
    """Return the paths that lie in none of the others, sorted.

    >>> [str(path) for path in outermost([Path("/usr/lib"), Path("/opt"), Path("/usr"), Path("/usr")])]
    ['/opt', '/usr']
    """
    kept: list[Path] = []
    for path in sorted(set(paths)):
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return kept


def build(plan: Mapping[str, Any]) -> None:
    """Make the plan's view the root of all files; what is not in it is not there."""
    root = plan["root"]
    os.umask(0o022)
    _mount("", "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755,size=4m")
    for target, leads_to in plan["links"].items():
        (Path(root + target)).parent.mkdir(parents=True, exist_ok=True)
        Path(root + target).symlink_to(leads_to)
    for target, text in plan["files"].items():
        (Path(root + target)).parent.mkdir(parents=True, exist_ok=True)
        Path(root + target).write_text(text, encoding="utf-8")
    for source, target in plan["scratch"]:
        _bind(source, root + target, _ATTR_NOSUID | _ATTR_NODEV)
    for source, target in plan["readable"]:
        _bind(source, root + target, _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV)
    _devices(Path(root + "/dev"))
    Path(root + "/proc").mkdir()
    _mount("proc", root + "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, plan.get("proc", ""))
    for target in plan["private"]:
        Path(root + target).mkdir(parents=True)
        _mount(
            "tmpfs", root + target, "tmpfs", _MS_NOSUID | _MS_NODEV, f"mode=0700,uid={plan['uid']},gid={plan['uid']}"
        )
    # Last: in it a person may have laid links, and nothing is made below it.
    for source, target in plan["home"]:
        _bind(source, root + target, _ATTR_NOSUID | _ATTR_NODEV)
    _attributes(root, _ATTR_RDONLY, below=False)
    os.chdir(root)
    system_call("pivot_root", b".", b".")
    call("umount2", b".", _MNT_DETACH)
    os.chdir("/")
