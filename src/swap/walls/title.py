"""What `ps` shows of a process that was forked: the program that it is, and what that was started with.

Otherwise it shows what the process was forked from.  Nothing depends on it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from swap.walls.kernel import call

_PR_SET_MM: Final = 35
_PR_SET_MM_MAP: Final = 14
_UNCHANGED: Final = 0xFFFFFFFF
"""Of the program's own file, which takes a power to change."""
_KNOWN: Final = {
    "start_code": 26,
    "end_code": 27,
    "start_stack": 28,
    "start_data": 45,
    "end_data": 46,
    "start_brk": 47,
}
"""What stays as it is → its place in /proc/self/stat, from 1."""
_NUMBERS: Final = (
    "start_code end_code start_data end_data start_brk brk start_stack arg_start arg_end env_start env_end auxv"
)

_shown: list[ctypes.Array[ctypes.c_char]] = []
"""The text that /proc points into: it stays where it is for as long as this process lives."""


class _Map(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint64) for name in _NUMBERS.split()),
        ("auxv_size", ctypes.c_uint32),
        ("exe_fd", ctypes.c_uint32),
    )


def show(argv: Sequence[str], environment: Mapping[str, str] = {}) -> None:
    """Show these as this process's command line and environment, where the kernel knows how to."""
    told, variables = _text(argv), _text(f"{name}={value}" for name, value in environment.items())
    text = ctypes.create_string_buffer(told + variables)
    begins = ctypes.addressof(text)
    fields = Path("/proc/self/stat").read_bytes().rpartition(b") ")[2].split()
    wanted = _Map(
        **{name: int(fields[place - 3]) for name, place in _KNOWN.items()},
        brk=_end_of_data(),
        arg_start=begins,
        arg_end=begins + len(told),
        env_start=begins + len(told),
        env_end=begins + len(told) + len(variables),
        exe_fd=_UNCHANGED,
    )
    with contextlib.suppress(OSError):
        call("prctl", _PR_SET_MM, _PR_SET_MM_MAP, ctypes.byref(wanted), ctypes.sizeof(wanted), 0)
        _shown.append(text)


def _text(words: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(word) + b"\0" for word in words)


def _end_of_data() -> int:
    find = ctypes.CDLL(None).sbrk
    find.restype, find.argtypes = ctypes.c_void_p, (ctypes.c_long,)
    return int(find(0))
