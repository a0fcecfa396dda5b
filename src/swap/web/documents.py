"""Help: SWAP's documentation as pages of the portal, from the files the program was installed with.

A page that is not among those files does not exist; no address is ever made into a path.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from starlette.responses import FileResponse, Response

from swap.errors import NotFound, Problem
from swap.web import markdown, shelf
from swap.web.markdown import Rendered
from swap.web.pages import respond
from swap.web.portal import Portal, Visit
from swap.web.shelf import NEWS

INDEX = "README.md"
PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}
_NEWS_ADDRESS = "/help/new"
CHAPTERS = (
    ("/help", "All help"),
    ("/help/tutorial/first-notebook", "Your first notebook"),
    ("/help/reference/sql", "SQL"),
    ("/help/reference/client", "In Python"),
    ("/help/reference/errors", "Errors"),
    ("/help/reference/limits", "Limits"),
    ("/help/how-to/troubleshoot", "Troubleshoot"),
    (_NEWS_ADDRESS, "What is new"),
    ("/help/keyboard", "Keyboard"),
)
"""What stands beside every page: what people look for most."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of the help, by their names below the folder of the documentation."""

    pages: dict[str, Path]
    pictures: dict[str, Path]


@cache
def files() -> Files:
    """Return what there is."""
    docs = shelf.docs()
    found = {path.relative_to(docs).as_posix(): path for path in docs.rglob("*") if path.is_file()}
    return Files(
        {name: path for name, path in found.items() if path.suffix == ".md"} | {NEWS: shelf.news()},
        {name: path for name, path in found.items() if path.suffix in PICTURES},
    )


def address(name: str) -> str:
    """Return where a page of the documentation is shown.

    >>> address("reference/sql.md"), address("README.md"), address("explanation/decisions/README.md")
    ('/help/reference/sql', '/help', '/help/explanation/decisions')
    """
    if name == NEWS:
        return _NEWS_ADDRESS
    return posixpath.join("/help", name.removesuffix(".md")).removesuffix("/README")


def link(name: str, target: str) -> str | None:
    """Return where a link on a page leads, or None for a file that is not part of the help.

    >>> link("tutorial/first-notebook.md", "../reference/sql.md#types"), link("README.md", "../src/swap/cli.py")
    ('/help/reference/sql#types', None)
    >>> link("README.md", "https://example.org/"), link("README.md", "javascript:alert(1)")
    ('https://example.org/', None)
    """
    if re.match("https?://", target):
        return target
    path, hash_, anchor = unquote(target).partition("#")
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
    wanted = NEWS if wanted == f"../{NEWS}" else wanted
    if wanted in files().pictures:
        return f"/help/{wanted}"
    return address(wanted) + hash_ + anchor if wanted in files().pages else None


@cache
def _rendered(name: str, modified_ns: int) -> Rendered:  # noqa: ARG001 (part of the key: a changed file is read again)
    text = files().pages[name].read_text(encoding="utf-8")
    return markdown.render(text, lambda target: link(name, target))


def rendered(name: str) -> Rendered:
    """Return a page of the documentation."""
    return _rendered(name, files().pages[name].stat().st_mtime_ns)


def page(portal: Portal, visit: Visit) -> Response:
    """One page, or a picture on one."""
    wanted = visit.request.url.path.rstrip("/")
    picture = files().pictures.get(wanted.removeprefix("/help/"))
    if picture is not None:
        return FileResponse(picture, media_type=PICTURES[picture.suffix])
    name = next((name for name in files().pages if address(name) == wanted), None)
    if name is None:
        raise NotFound(Problem("There is no help at this address."))
    shown = rendered(name)
    return respond(
        portal,
        visit,
        "help_page.html",
        here="help",
        chapters=CHAPTERS,
        address=wanted,
        title=shown.title,
        outline=shown.outline,
        body=shown.body,
    )
