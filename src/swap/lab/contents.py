"""What the server reads of files for its pages: as much as it has room for.  What is larger is refused unread.

A notebook takes about ten times its size while it is opened, and many small parts take more: one that somebody was
given, or that grew in a loop, must not end the server with all its kernels.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
from anyio.to_thread import run_sync
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server.utils import ensure_async, to_api_path
from tornado.web import HTTPError

from swap.client import locks
from swap.lab.journal import parts
from swap.lab.saving import Saving
from swap.lab.sending import Stale
from swap.lab.sessions import OneForEach

OPENED_BYTES = 50_000_000
"""Of a notebook, or of a file that is opened in a tab; downloads have no limit."""
OPENED_PARTS = 200_000
"""Of a notebook: lists and objects of its JSON, a cell has about four."""
SENT_BYTES = 2 * OPENED_BYTES
"""Of what a page sends: a notebook that has grown too large to be opened again can still be saved."""
KERNELS = 16
"""Of those that have run a notebook before, as a save tells them."""


class BoundedContents(AsyncLargeFileManager):
    """Files below the person's home, of which none is read that is too large."""

    saving: Saving | None = None
    """What says each notebook's versions to SWAP's store, once the server has joined it."""

    async def save(self, model: dict[str, Any], path: str = "") -> Any:
        """Save a file; a notebook with the lock that it shows."""
        locks.keep(model.get("content"))
        return await super().save(model, path)  # type: ignore[no-untyped-call] # as Jupyter's own

    async def _save_notebook(self, os_path: str, nb: Any, capture_validation_error: Any = None) -> None:
        """Save a notebook as a version, or, while there is no store, as a file that becomes one later."""
        if self.saving is None:
            await super()._save_notebook(os_path, nb, capture_validation_error)  # type: ignore[no-untyped-call]
            return
        write = partial(nbformat.writes, version=nbformat.NO_CONVERT, capture_validation_error=capture_validation_error)
        text = await run_sync(write, nb)
        path = to_api_path(os_path, self.root_dir)
        environment = await self.environment(nb, path)
        with self.perm_to_403(os_path):
            try:
                await self.saving.save(path, Path(os_path), f"{text.rstrip()}\n", nb, environment)
            except Stale as stale:
                raise HTTPError(409, str(stale)) from stale

    async def environment(self, nb: Any, path: str) -> dict[str, str]:
        """Return what a notebook runs in, and which kernels may have made what is in it."""
        return _environment(nb, await self._kernel_of(path), self._kernels_before(path))

    async def _kernel_of(self, path: str) -> str:
        """Return the id of the kernel that runs a notebook, if one does."""
        sessions = await ensure_async(self.parent.session_manager.list_sessions()) if self.parent else []
        return next((str(each["kernel"]["id"]) for each in sessions if each["path"] == path and each["kernel"]), "")

    def _kernels_before(self, path: str) -> tuple[str, ...]:
        """Return which kernels have run it: what is saved now may be of one that was put away since."""
        sessions = self.parent.session_manager if self.parent else None
        return sessions.ran(path) if isinstance(sessions, OneForEach) else ()

    async def rename_file(self, old_path: str, new_path: str) -> None:
        """Rename a file or a folder; notebooks keep their history."""
        await super().rename_file(old_path, new_path)  # type: ignore[no-untyped-call]
        if self.saving is not None:
            await self.saving.moved(self._file(old_path), self._file(new_path))

    async def delete_file(self, path: str) -> None:
        """Delete a file or a folder; notebooks' histories are kept."""
        await super().delete_file(path)  # type: ignore[no-untyped-call]
        if self.saving is not None:
            await self.saving.deleted(self._file(path))

    def _file(self, path: str) -> Path:
        return Path(self._get_os_path(path))  # type: ignore[no-untyped-call] # as Jupyter's own

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


def _environment(document: Mapping[str, Any], kernel_id: str, ran: Collection[str]) -> dict[str, str]:
    """Return what a notebook runs in, as it says, the kernel that runs it, and which others have run it."""
    metadata = document.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, Mapping) else None
    spec = spec if isinstance(spec, Mapping) else {}
    said = {"kernel": spec.get("name"), "language": spec.get("language")}
    others = [each for each in ran if each != kernel_id]
    # Of more than are told it is not known which they are.
    kernels = {"kernel_id": kernel_id if len(others) <= KERNELS else "", "kernels": " ".join(others[:KERNELS])}
    return {name: value[:64] for name, value in said.items() if isinstance(value, str)} | kernels


def _demand_small(os_path: str) -> None:
    size = os.stat(os_path).st_size if os.path.isfile(os_path) else 0  # noqa: PTH113, PTH116 — a path of Jupyter's
    if size > OPENED_BYTES:
        raise _too_large(os_path, f"has {size / 1e6:,.0f} MB, and {OPENED_BYTES / 1e6:,.0f} MB can be opened")


def _demand_few_parts(os_path: str) -> None:
    """Count before anything is built of it."""
    count = parts(Path(os_path))
    if count > OPENED_PARTS:
        raise _too_large(os_path, f"has {count:,} parts, and {OPENED_PARTS:,} can be opened")


def _too_large(os_path: str, why: str) -> HTTPError:
    name = Path(os_path).name
    todo = (
        f"To empty its outputs, open a terminal and run: jupyter nbconvert --clear-output --inplace '{name}'. "
        if name.endswith(".ipynb")
        else "Read it in a cell, for example with pandas or DuckDB. "
    )
    message = f"{name} {why}. {todo}It can be downloaded all the same: right-click it, Download."
    return HTTPError(413, message, reason="Too Large")
