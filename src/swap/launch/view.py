"""What of the machine a person's server can see: a closed list.  What is not on it is not there.

Only values and looks at what exists; `walls.mounts` mounts what is said here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from swap.usage import Group
from swap.walls.mounts import outermost

PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Programs and libraries; where one is a link, as in today's Debian, it is one in the view."""

CONFIGURATION = (
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "debian_version",
    "fonts",
    "gai.conf",
    "gitconfig",
    "host.conf",
    "hostname",
    "inputrc",
    "java-17-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "localtime",
    "magic",
    "mime.types",
    "os-release",
    "profile",
    "protocols",
    "R",
    "services",
    "skel",
    "ssl",
    "terminfo",
    "timezone",
    "vim",
)
"""What of /etc programs need and every user of a machine may know."""

TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 — in the view they are the person's own
"""What each person has an own one of, on disk, emptied at each start."""

RUN = "/run/swap"
"""Where the view has the server's own sockets and files, in memory, 0700."""

GROUP = Path("/sys/fs/cgroup")
"""Where the view has the person's own control group, to be read; there programs look for their limits, too."""

NO_GROUP = Group({})

_UNIX_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,30}")
_SYSTEM_NAMES = frozenset({"root", "nobody", "tty", "nogroup"})


@dataclass(frozen=True, slots=True)
class View:
    """The files of one person's server: pairs of a place of the machine and one of the view, and what is made new."""

    scratch: tuple[tuple[str, str], ...] = ()
    """What is empty when it is shown: of the rest, some may lie below it."""
    readable: tuple[tuple[str, str], ...] = ()
    home: tuple[tuple[str, str], ...] = ()
    private: tuple[str, ...] = ()
    """Empty directories in memory, the person's own."""
    links: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def view(
    *,
    person_id: str,
    name: str,
    uid: int,
    home: Path,
    scratch: Path,
    environments: Iterable[Path],
    hosts: Mapping[str, str] = MappingProxyType({}),
    group: Group = NO_GROUP,
) -> View:
    """Return what a person's server sees.

    `scratch` is the person's own directory that the view calls /tmp; `environments` are Python environments; `hosts`
    are names and the loopback addresses at which they are reached; `group` is the person's control group.
    """
    links = {each: str(Path(each).readlink()) for each in PROGRAMS if Path(each).is_symlink()}
    shown = [Path(each) for each in PROGRAMS if each not in links and Path(each).exists()]
    shown += [path for each in CONFIGURATION if (path := Path("/etc") / each).exists()]
    shown += [path for environment in environments for path in needed(environment)]
    return View(
        readable=(
            *((str(path), str(path)) for path in outermost(shown)),
            *((str(place), str(GROUP / controller)) for controller, place in group.places.items()),
        ),
        scratch=tuple((str(scratch), place) for place in TEMPORARY),
        home=((str(home), str(home_seen(person_id))),),
        private=(RUN,),
        links=links,
        files=accounts(person_id, name, uid) | {"/etc/hosts": names(hosts)},
    )


def needed(environment: Path) -> Iterator[Path]:
    """Yield every directory a Python environment consists of: its own, its Python's, those its .pth files name."""
    yield environment
    yield environment.resolve()
    base = next(
        (
            Path(value.strip())
            for key, _, value in (
                line.partition("=") for line in (environment / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
            )
            if key.strip() == "home"
        ),
        None,
    )
    if base is not None:
        yield base.parent
        yield (base / "python3").resolve().parents[1]
    for listed in environment.glob("lib/python3*/site-packages/*.pth"):
        for line in listed.read_text(encoding="utf-8").splitlines():
            if line.startswith("/") and Path(line).is_dir():
                yield Path(line)


def unix_name(person_id: str, name: str) -> str:
    """Return what the system calls a person: their name where it can be one, else their id.

    >>> unix_name("pabcdefghi", "ann"), unix_name("pabcdefghi", "José"), unix_name("pabcdefghi", "root")
    ('ann', 'pabcdefghi', 'pabcdefghi')
    """
    return name if _UNIX_NAME.fullmatch(name) and name not in _SYSTEM_NAMES else person_id


def home_seen(person_id: str) -> Path:
    """Return where a person's server sees their home; it stays there when the person's name changes."""
    return Path("/home") / person_id


def names(hosts: Mapping[str, str]) -> str:
    r"""Return the view's /etc/hosts: there is no other way to find a name.

    >>> names({"pypi.example.org": "127.0.1.1"})
    '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 pypi.example.org\n'
    """
    lines = ["127.0.0.1 localhost", "::1 localhost", *(f"{address} {host}" for host, address in hosts.items())]
    return "".join(f"{line}\n" for line in lines)


def accounts(person_id: str, name: str, uid: int) -> dict[str, str]:
    """Return the files of /etc that say who is who: root, nobody and the person."""
    own = unix_name(person_id, name)
    return {
        "/etc/passwd": (
            "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
            f"{own}:x:{uid}:{uid}::{home_seen(person_id)}:/bin/bash\n"
            "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        ),
        "/etc/group": f"root:x:0:\ntty:x:5:\n{own}:x:{uid}:\nnogroup:x:65534:\n",
        "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n",
    }
