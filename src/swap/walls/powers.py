"""Give up every power for good, and refuse the calls that would give a program more of the kernel than it needs."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from swap.walls.kernel import CLONE_NEWUSER, NUMBERS, call, system_call

REFUSED: Final = (
    "add_key",
    "bpf",
    "io_uring_setup",
    "keyctl",
    "open_by_handle_at",
    "perf_event_open",
    "request_key",
    "userfaultfd",
)
"""Calls by which programs that are no root's have often become root, and that notebooks do not need."""
LOOKING_IN: Final = ("pidfd_getfd", "process_vm_readv", "process_vm_writev", "ptrace")
"""Calls by which a program looks into another."""

NONE: Final = 0
READ_ALL: Final = 1 << 2
"""CAP_DAC_READ_SEARCH, as a bit: to read files and pass through directories, whoever may."""
BECOME: Final = 1 << 6 | 1 << 7
"""CAP_SETGID and CAP_SETUID, as bits: to become another user."""

_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_SET_KEEPCAPS = 24, 38, 22, 8
_PR_SET_DUMPABLE: Final = 4
_CAPABILITY_VERSION: Final = 0x20080522
_KEYCTL_JOIN_SESSION_KEYRING: Final = 1

_SECCOMP_MODE_FILTER: Final = 2
_LOAD, _RETURN, _EQUAL, _AT_LEAST, _ANY_BIT = 0x20, 0x06, 0x15, 0x35, 0x45
_NUMBER_AT, _PROCESSOR_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_OTHER_NUMBERS: Final = 0x40000000
"""From here on stand the numbers of x32, a second set for the same processor."""
_PROCESSORS: Final[Mapping[str, int]] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def bound() -> None:
    """See to it that no program of ours, and none that it starts, can ever gain a power."""
    for capability in range(int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii")) + 1):
        call("prctl", _PR_CAPBSET_DROP, capability, 0, 0, 0)
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


def close() -> None:
    """Let nobody but root trace this process or what it forks, or look into their memory."""
    call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


def refuse_calls(refused: Collection[str] = REFUSED) -> None:
    """Refuse, to this process and all that it starts, these calls and every new user namespace."""
    text = b"".join(struct.pack("HBBI", *step) for step in program(platform.machine(), refused))
    steps = ctypes.create_string_buffer(text)
    call(
        "prctl",
        _PR_SET_SECCOMP,
        _SECCOMP_MODE_FILTER,
        ctypes.byref(_Program(len(text) // 8, ctypes.addressof(steps))),
        0,
        0,
    )


def program(machine: str, refused_calls: Collection[str] = REFUSED) -> list[tuple[int, int, int, int]]:
    """Return the filter for a processor: steps of the kernel's BPF, as code, jump if so, jump if not, value."""
    numbers, processor = NUMBERS[machine], _PROCESSORS[machine]
    refused = [(_EQUAL, 0, 1, numbers[name]) for name in refused_calls]
    steps = [
        (_LOAD, 0, 0, _PROCESSOR_AT),
        (_EQUAL, 1, 0, processor),
        (_RETURN, 0, 0, _KILL),  # programs of another processor's kind have other numbers
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, 0, 1, _OTHER_NUMBERS),
        (_RETURN, 0, 0, _KILL),
    ]
    for step in refused:
        steps += [step, (_RETURN, 0, 0, _ERROR | errno.EPERM)]
    return [
        *steps,
        # Its flags lie in memory, where no filter looks; who is told that it is not there takes clone.
        (_EQUAL, 0, 1, numbers["clone3"]),
        (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
        (_EQUAL, 1, 0, numbers["clone"]),
        (_EQUAL, 0, 3, numbers["unshare"]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_ANY_BIT, 0, 1, CLONE_NEWUSER),
        (_RETURN, 0, 0, _ERROR | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def drop_capabilities(kept: int = NONE) -> None:
    """Give up what this thread holds of root's powers, but these."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    effective = permitted = kept
    call("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)(effective, permitted)))


def become(uid: int, kept: int = NONE) -> None:
    """Become another user for good, with no power but these, and see that it is so."""
    # The session's keys are root's until another session is begun.
    system_call("keyctl", _KEYCTL_JOIN_SESSION_KEYRING, None, 0, 0, 0)
    turn_into(uid, kept)


def turn_into(uid: int, kept: int = NONE) -> None:
    """Do the same in a session of our own."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    call("prctl", _PR_SET_KEEPCAPS, int(kept != NONE), 0, 0, 0)
    os.setresuid(uid, uid, uid)
    drop_capabilities(kept)
    told = dict(
        line.split(":\t", 1)
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        if ":\t" in line
    )
    expected = {"CapPrm": kept, "CapEff": kept}
    names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    powers = [told[name] for name in names if int(told[name], 16) != expected.get(name, NONE)]
    if powers or told["NoNewPrivs"] != "1" or set(told["Uid"].split()) != {str(uid)} or told["Groups"].strip():
        msg = f"powers are left: {powers}, uid {told['Uid']}, groups {told['Groups']}"
        raise OSError(msg)
