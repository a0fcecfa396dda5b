"""What a kernel can import, and whose it is: the site's packages, and a person's own, which can be thrown away."""

from __future__ import annotations

import os
from dataclasses import replace
from html import escape

from swap.client import installed, layer, locks, packages, removing, show, text
from swap.client.installed import Package
from swap.client.locks import Lock
from swap.errors import Problem, Unavailable

RESET_SECONDS = 600.0
_HEAD = {"align": "left", "group": False, "type": ""}
_HEADS = [{"name": name, **_HEAD} for name in ("package", "version", "whose")]


class Environment(tuple[Package, ...]):  # noqa: SLOT001 — a tuple with something of its own has no slots
    """All packages that a kernel can import, one's own first; `left_out` says what of those is not used, and why."""

    left_out: tuple[str, ...] = ()

    @property
    def own(self) -> tuple[Package, ...]:
        """Your own packages."""
        return tuple(package for package in self if package.own)

    def lock(self) -> Lock:
        """Return your own packages as they are now; a cell that shows it keeps it in the notebook."""
        return Lock(tuple(package for package in self.own if package.used and locks.is_sound(package)))

    def requirements(self) -> str:
        """Return your own packages as a requirements file with their versions, and hashes where all have one."""
        return self.lock().requirements()

    def install(self) -> None:
        """Install what this notebook's lock names and is not here.  Raises as `%pip` does."""
        if missing := locks.missing():
            packages.install(Lock(missing).requirements())

    def reset(self) -> None:
        """Remove all packages of your own.  What kernels have imported stays with them until they are restarted."""
        try:
            directory = os.open(os.path.dirname(layer.place()), os.O_RDONLY | os.O_DIRECTORY)  # noqa: PTH120
            try:
                removing.throw_away(directory, RESET_SECONDS)
            finally:
                os.close(directory)
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable(
                Problem(
                    "Your own packages cannot be removed.",
                    why=f"The system says: {error.strerror}.",
                    todo=f"Remove {layer.place()} in a terminal.",
                )
            ) from error

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
    of_site = list(installed.site())
    taken = {installed.normal(package.name) for package in of_site}
    yours = [replace(each, used=installed.normal(each.name) not in taken) for each in installed.own()]
    found = Environment(_sorted(yours) + _sorted(of_site))
    found.left_out = layer.use()
    return found


def _sorted(packages: list[Package]) -> list[Package]:
    return sorted(packages, key=lambda package: installed.normal(package.name))
