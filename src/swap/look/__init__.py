"""The frame every SWAP page shares: templates, styles, icons.  Pages of the portal and of the hub stand on it.

Everything a page loads is named through `asset` and comes from SWAP itself; a template never writes an
address of another host, a style attribute or an inline script: the content security policy forbids them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from swap.errors import Problem, SettingsError

TEMPLATES: Path = Path(__file__).parent / "templates"
"""base.html, and the parts that it and every page are made of."""

STATIC: Path = Path(__file__).parent / "static"
"""What is served at /static; `build/` in it is made by look-src."""

SIZES = {"small": "cdx-icon--small", "x-small": "cdx-icon--x-small", "medium": "cdx-icon--medium"}


@cache
def _built(name: str) -> dict[str, str]:
    """Return one of the JSON files of the build.  Raises SettingsError when the pages were not built."""
    path = STATIC / "build" / name
    try:
        content: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            Problem(
                "SWAP's pages are not built.",
                why=f"{path} cannot be read.",
                todo="Run look-src/build.sh, or make demo, which does it.",
            )
        ) from error
    return content


def asset(name: str) -> str:
    """Return the address of a built file; its digest is in its name, so browsers may keep it for ever.

    Raises KeyError for a name the build does not make.
    """
    return f"/static/build/{_built('manifest.json')[name]}"


def icon(name: str, size: str = "small", cls: str = "", label: str = "") -> Markup:
    """Return Codex's markup for an icon; with a `label` it is an image, without one it is decoration."""
    paths = Markup(_built("icons.json")[name])  # noqa: S704 (Codex's own paths, from our build)
    meaning = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup(
        '<span class="cdx-icon {}{}" {}><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20">{}</svg></span>'
    ).format(SIZES[size], f" {cls}" if cls else "", meaning, paths)


def helpers() -> dict[str, Any]:
    """Return what SWAP's templates expect beside their own values, for an environment made elsewhere (the hub's)."""
    return {"asset": asset, "icon": icon}


def environment(*folders: Path, filters: dict[str, Callable[..., Any]] | None = None) -> Environment:
    """Return a Jinja environment over `folders` and then the shared templates.

    Everything is escaped, nothing may be undefined.
    """
    made = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(helpers())
    made.filters.update(filters or {})
    return made
