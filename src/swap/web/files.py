"""My notebooks as files: download, upload, rename, delete.  What changes something asks first, on a page of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from swap.errors import Invalid, Problem
from swap.notebooks import history
from swap.notebooks import service as notebooks
from swap.notebooks.model import name_of
from swap.notebooks.workspace import visible
from swap.web.pages import go, respond
from swap.web.portal import Portal, Visit

UPLOAD_BYTES = 25_000_000
CHUNK_BYTES = 65_536
LISTING = "/notebooks"
PATH_LENGTH = 1000


def download(portal: Portal, visit: Visit) -> Response:
    """The file as it is, as an attachment: a browser shows nothing of it on our origin."""
    path = visit.query("path", PATH_LENGTH)
    file, size = portal.workspace(visit.person).open(path)
    name = quote(path.rsplit("/", 1)[-1], safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "Content-Length": str(size)}
    return StreamingResponse(_pieces(file, size), media_type="application/octet-stream", headers=headers)


def _pieces(file: BinaryIO, left: int) -> Iterator[bytes]:
    """Yield as much as the file had when it was opened, whatever is written to it meanwhile."""
    with file:
        while left and (piece := file.read(min(left, CHUNK_BYTES))):
            left -= len(piece)
            yield piece


def ask_upload(portal: Portal, visit: Visit) -> Response:
    """Which file."""
    return respond(portal, visit, "notebook_upload.html", here="notebooks", limit=UPLOAD_BYTES)


def upload(portal: Portal, visit: Visit) -> Response:
    """Put a notebook into the home; one of the same name stays as it is."""
    if visit.upload is None or not visit.upload.name:
        raise Invalid(Problem("No file was chosen.", todo="Choose a notebook, then press Upload."))
    with visit.upload.file as file:
        notebooks.upload(portal.workspace(visit.person), visit.upload.name, file, portal.clock.short)
    return go(LISTING)


def ask_rename(portal: Portal, visit: Visit) -> Response:
    """Which name."""
    return _ask(portal, visit, "notebook_rename.html")


def rename(portal: Portal, visit: Visit) -> Response:
    """Give a notebook another name, in the folder it is in."""
    name = notebooks.named(visit.form.get("name", ""))
    path = visible(visit.form.get("path", ""))
    workspace, new = portal.workspace(visit.person), str(PurePosixPath(path).with_name(name))
    with portal.engine.begin() as conn:
        history.move(conn, visit.person, path, new, visit.now)
        # The last step: a file that keeps its name keeps its history there.
        workspace.rename(path, name)
    return go(LISTING)


def ask_delete(portal: Portal, visit: Visit) -> Response:
    """Whether really."""
    with portal.engine.begin() as conn:
        versions = history.count(conn, visit.person, visible(visit.query("path", PATH_LENGTH)))
    return _ask(portal, visit, "notebook_delete.html", versions=versions, days=round(portal.settings.keep.deleted_days))


def delete(portal: Portal, visit: Visit) -> Response:
    """Delete a notebook."""
    path = visible(visit.form.get("path", ""))
    workspace = portal.workspace(visit.person)
    with portal.engine.begin() as conn:
        history.delete(conn, visit.person, path, visit.now)
        workspace.delete(path)
    return go(LISTING)


def _ask(portal: Portal, visit: Visit, template: str, **more: Any) -> Response:
    path = visit.query("path", PATH_LENGTH)
    file, size = portal.workspace(visit.person).open(path)
    file.close()
    name = name_of(path)
    return respond(portal, visit, template, here="notebooks", path=path, name=name, size=size, **more)
