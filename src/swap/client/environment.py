"""What a kernel can import, and whose it is: the site's packages, and above them a person's own.

What is in the layer may be anything: a package whose description cannot be read has none.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from swap.client import layer, removing, show, text
from swap.errors import Problem, Unavailable

RESET_SECONDS = 600.0
_HEAD = {"align": "left", "group": False, "type": ""}
_HEADS = [{"name": name, **_HEAD} for name in ("package", "version", "whose")]
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package.  `own` is yours; one that is not `used` stands behind another of its name."""

    name: str
    version: str
    own: bool
    used: bool = True
    sha256: str = ""
    """Of the file it was installed from, where pip knew it."""

    @property
    def whose(self) -> str:
        """Whose it is, in words."""
        return ("yours" if self.used else "yours, behind the site's") if self.own else "the site's"


class Environment(tuple[Package, ...]):  # noqa: SLOT001 — a tuple with something of its own has no slots
    """All packages that a kernel can import, one's own first; `left_out` says what of those is not used, and why."""

    left_out: tuple[str, ...] = ()

    @property
    def own(self) -> tuple[Package, ...]:
        """Your own packages."""
        return tuple(package for package in self if package.own)

    def requirements(self) -> str:
        """Return your own packages as a requirements file with their versions, and hashes where all have one."""
        used = [package for package in self.own if package.used]
        known = all(package.sha256 for package in used)
        return "".join(
            f"{package.name}=={package.version}{f' --hash=sha256:{package.sha256}' if known else ''}\n"
            for package in used
        )

    def reset(self) -> None:
        """Remove all packages of your own.  What kernels have imported stays with them until they are restarted."""
        try:
            directory = os.open(os.path.dirname(layer.place()), os.O_RDONLY | os.O_DIRECTORY)  # noqa: PTH120
        except FileNotFoundError:
            return
        try:
            removing.throw_away(directory, RESET_SECONDS)
        except OSError as error:
            raise Unavailable(
                Problem(
                    "Your own packages cannot be removed.",
                    why=f"The system says: {error.strerror}.",
                    todo=f"Remove {layer.place()} in a terminal.",
                )
            ) from error
        finally:
            os.close(directory)

    def __repr__(self) -> str:
        return "\n".join((text.table(_HEADS, self._rows()), "", *self._said()))

    def _repr_html_(self) -> str:
        said = "".join(f"<div><small>{escape(each)}</small></div>" for each in self._said())
        return f"<div>{show.page_html(_HEADS, self._rows())}{said}</div>"

    def _rows(self) -> list[list[str | None]]:
        return [[package.name, package.version, package.whose] for package in self]

    def _said(self) -> list[str]:
        return [
            f"{text.count(len(self.own), 'package')} of your own, {len(self) - len(self.own)} of the site",
            *self.left_out,
        ]


def environment() -> Environment:
    """Return the packages that this kernel can import, and whose each is."""
    of_site = list(site())
    taken = {normal(package.name) for package in of_site}
    yours = [
        Package(package.name, package.version, True, normal(package.name) not in taken, package.sha256)
        for package in own()
    ]
    found = Environment(_sorted(yours) + _sorted(of_site))
    found.left_out = layer.use()
    return found


def site() -> Iterator[Package]:
    """Yield what the site has installed."""
    mine = layer.packages(layer.place())
    # What stands between them, such as the notebook's folder, is no installation.
    parts = [part for part in sys.path if part != mine and part.endswith(("site-packages", "dist-packages"))]
    for found in distributions(path=parts):
        if described := _described(found):
            yield Package(*described, own=False)


def own() -> Iterator[Package]:
    """Yield what is in the layer."""
    hashes = _hashes()
    for found in distributions(path=[layer.packages(layer.place())]):
        if described := _described(found):
            yield Package(*described, own=True, sha256=hashes.get(" ".join((normal(described[0]), described[1])), ""))


def normal(name: str) -> str:
    """Return a package's name as package indexes compare it.

    >>> normal("Own_Thing.x")
    'own-thing-x'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def keep(report: Path) -> None:
    """Keep the hashes of what pip says it installed; a lock without them is a lock too."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        installed = json.loads(report.read_text(encoding="utf-8"))["install"]
        hashes = _hashes()
        for each in installed:
            name = f"{normal(each['metadata']['name'])} {each['metadata']['version']}"
            hashes[name] = each["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256", "")
        _kept().write_text(json.dumps(hashes, indent=1), encoding="utf-8")


def _kept() -> Path:
    return Path(layer.place(), "hashes.json")


def _hashes() -> dict[str, str]:
    try:
        kept: Any = json.loads(_kept().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {name: value for name, value in kept.items() if isinstance(value, str) and _HASH.fullmatch(value)}


def _described(found: Distribution) -> tuple[str, str] | None:
    try:
        name, version = found.metadata["Name"], found.metadata["Version"]
    except (OSError, ValueError, KeyError):
        return None
    return (name, version) if isinstance(name, str) and isinstance(version, str) else None


def _sorted(packages: list[Package]) -> list[Package]:
    return sorted(packages, key=lambda package: normal(package.name))
