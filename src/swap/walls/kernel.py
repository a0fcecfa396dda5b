"""Ask the kernel for what Python does not: by the C library's functions, or by a call's number."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Mapping
from typing import Any, Final

NUMBERS: Final[Mapping[str, Mapping[str, int]]] = {
    "x86_64": {
        "add_key": 248,
        "bpf": 321,
        "clone": 56,
        "clone3": 435,
        "io_uring_setup": 425,
        "keyctl": 250,
        "mount_setattr": 442,
        "open_by_handle_at": 304,
        "open_tree": 428,
        "perf_event_open": 298,
        "pidfd_getfd": 438,
        "pivot_root": 155,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "ptrace": 101,
        "request_key": 249,
        "unshare": 272,
        "userfaultfd": 323,
    },
    "aarch64": {
        "add_key": 217,
        "bpf": 280,
        "clone": 220,
        "clone3": 435,
        "io_uring_setup": 425,
        "keyctl": 219,
        "mount_setattr": 442,
        "open_by_handle_at": 265,
        "open_tree": 428,
        "perf_event_open": 241,
        "pidfd_getfd": 438,
        "pivot_root": 41,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "ptrace": 117,
        "request_key": 218,
        "unshare": 97,
        "userfaultfd": 282,
    },
}
"""Processor → call → its number."""

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> int:
    """Call the C library and return its answer.  Raises OSError that names the call and what it was for."""
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    answer = int(getattr(_libc, name)(*words))
    if answer == -1:
        number = ctypes.get_errno()
        shown = " ".join(os.fsdecode(each) for each in arguments if isinstance(each, bytes) and each)
        raise OSError(number, f"{name} {shown}: {os.strerror(number)}")
    return answer


def system_call(name: str, *arguments: Any) -> int:
    """Make a call that the C library has no function for."""
    return call("syscall", NUMBERS[platform.machine()][name], *arguments)
