"""What is installed: by the site, and above it in a person's layer, with the hashes of what came from where.

What is in the layer may be anything: a package whose description cannot be read has none.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from swap.client import layer

HASH = re.compile(r"[0-9a-f]{64}")


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
    return {name: value for name, value in kept.items() if isinstance(value, str) and HASH.fullmatch(value)}


def _described(found: Distribution) -> tuple[str, str] | None:
    try:
        name, version = found.metadata["Name"], found.metadata["Version"]
    except (OSError, ValueError, KeyError):
        return None
    return (name, version) if isinstance(name, str) and isinstance(version, str) else None
