"""What the server reads of files for its pages: as much as it has room for.  What is larger is refused unread.

A notebook takes about ten times its size while it is opened, and many small parts take more: one that somebody was
given, or that grew in a loop, must not end the server with all its kernels.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError

from swap.client import locks

OPENED_BYTES = 50_000_000
"""Of a notebook, or of a file that is opened in a tab; downloads have no limit."""
OPENED_PARTS = 200_000
"""Of a notebook: lists and objects of its JSON, a cell has about four."""
SENT_BYTES = 2 * OPENED_BYTES
"""Of what a page sends: a notebook that has grown too large to be opened again can still be saved."""
_CHUNK_BYTES = 1_000_000


class BoundedContents(AsyncLargeFileManager):
    """Files below the person's home, of which none is read that is too large."""

    async def save(self, model: dict[str, Any], path: str = "") -> Any:
        """Save a file; a notebook with the lock that it shows."""
        locks.keep(model.get("content"))
        return await super().save(model, path)  # type: ignore[no-untyped-call] # as Jupyter's own

    async def _read_file(  # type: ignore[override] # as Jupyter's own
        self,
        os_path: str,
        format: str | None,  # noqa: A002 — Jupyter's name
        raw: bool = False,
    ) -> Any:
        _demand_small(os_path)
        return await super()._read_file(os_path, format, raw)

    async def _read_notebook(
        self, os_path: str, as_version: int = 4, capture_validation_error: Any = None, raw: bool = False
    ) -> Any:
        _demand_small(os_path)
        await run_sync(_demand_few_parts, os_path)
        try:
            return await super()._read_notebook(os_path, as_version, capture_validation_error, raw)
        except HTTPError as error:
            if error.status_code != 400:
                raise
            # Jupyter's words repeat what is in the file, and where it is.
            todo = "Open it as text: right-click it, Open With, Editor."
            raise HTTPError(400, f"{Path(os_path).name} cannot be read as a notebook. {todo}") from error


def _demand_small(os_path: str) -> None:
    size = os.stat(os_path).st_size if os.path.isfile(os_path) else 0  # noqa: PTH113, PTH116 — a path of Jupyter's
    if size > OPENED_BYTES:
        raise _too_large(os_path, f"has {size / 1e6:,.0f} MB, and {OPENED_BYTES / 1e6:,.0f} MB can be opened")


def _demand_few_parts(os_path: str) -> None:
    """Count before anything is built of it."""
    with Path(os_path).open("rb") as file:
        count = parts(iter(partial(file.read, _CHUNK_BYTES), b""))
    if count > OPENED_PARTS:
        raise _too_large(os_path, f"has {count:,} parts, and {OPENED_PARTS:,} can be opened")


def parts(chunks: Iterable[bytes]) -> int:
    r"""Return how many lists and objects begin in a text of JSON; what stands in its strings is no part.

    Exact up to the place from where it is no JSON, which is as far as anything is built of it.

    >>> parts([b'[{"a": "[[', b'[\\', b'"[["}, {}]'])
    3
    """
    count, inside, held = 0, False, b""
    for read in chunks:
        chunk = held + read
        # A backslash that escapes what comes next waits for it.
        odd = (len(chunk) - len(chunk.rstrip(b"\\"))) % 2
        chunk, held = (chunk[:-1], b"\\") if odd else (chunk, b"")
        # Without escaped backslashes and then escaped quotes, each quote begins or ends a string.
        between = chunk.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = b"".join(between[inside::2])
        count += outside.count(b"{") + outside.count(b"[")
        inside ^= len(between) % 2 == 0
    return count


def _too_large(os_path: str, why: str) -> HTTPError:
    name = Path(os_path).name
    todo = (
        f"To empty its outputs, open a terminal and run: jupyter nbconvert --clear-output --inplace '{name}'. "
        if name.endswith(".ipynb")
        else "Read it in a cell, for example with pandas or DuckDB. "
    )
    message = f"{name} {why}. {todo}It can be downloaded all the same: right-click it, Download."
    return HTTPError(413, message, reason="Too Large")
