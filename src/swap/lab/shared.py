"""The drive *Shared*: what others share with this person, as SWAP lets them see it now.

The gateway is asked each time, with a token that reads this and nothing else; nothing of it is kept here or at home.
A notebook comes as its parts, and is put together here, untrusted: what its author's file says of trust counts nothing.
What is saved of one that they may edit goes the same way back, with the token that saves.
"""

from __future__ import annotations

import io
import json
import re
from typing import Any, ClassVar, cast

import httpx
from anyio.to_thread import run_sync
from jupyter_server.utils import url_path_join
from tornado import web

from swap import content
from swap.client import locks
from swap.content import Taken
from swap.errors import SwapError
from swap.lab.contents import BoundedContents
from swap.lab.handlers import ApiPassing, Gateway
from swap.lab.sending import Save, Store
from swap.lab.tokens import problem_from

TOKENS = "/v1/servers/reading"
NOTEBOOK_ID = "([0-9A-Za-z_-]{1,64})"


class List(ApiPassing):
    """GET swap/shared."""

    parameters: ClassVar[frozenset[str]] = frozenset({"from"})

    @web.authenticated
    async def get(self) -> None:
        """Return a page of what is shared with this person."""
        await self.pass_on("GET")


class Standing(ApiPassing):
    """GET swap/shared/{id}."""

    parameters: ClassVar[frozenset[str]] = frozenset({"version"})

    @web.authenticated
    async def get(self, notebook_id: str) -> None:
        """Return what a notebook is to this person now."""
        await self.pass_on("GET", notebook_id)


class Beside(ApiPassing):
    """GET swap/shared/{id}/beside."""

    parameters: ClassVar[frozenset[str]] = frozenset()

    @web.authenticated
    async def get(self, notebook_id: str) -> None:
        """Return what is told beside a notebook."""
        await self.pass_on("GET", notebook_id)


class Opening(ApiPassing):
    """Answers with a version of a notebook, put together."""

    parameters: ClassVar[frozenset[str]] = frozenset()

    async def _stream(self, response: httpx.Response) -> None:
        sent = await response.aread()
        if response.status_code != 200:
            self._refuse(problem_from(response))
            return
        try:
            answer = await run_sync(opened, sent)
        except SwapError as error:
            self._refuse(error)
            return
        self.finish(answer)


class Version(Opening):
    """GET and PUT swap/shared/{id}/version."""

    def initialize(self, gateway: Gateway, path: str, store: Store) -> None:  # type: ignore[override]
        """Take the gateway that is read from, the path there, and what saves."""
        super().initialize(gateway, path)
        self.store = store

    @web.authenticated
    async def get(self, notebook_id: str) -> None:
        """Return the newest version of a notebook, with the outputs that this person may see."""
        await self.pass_on("GET", notebook_id)

    @web.authenticated
    async def put(self, notebook_id: str) -> None:
        """Save what is open as a version that follows another; outputs that are hidden stay as they are there."""
        try:
            said = json.loads(self.request.body)
            base, path, document = int(said["base"]), str(said["path"]), said["content"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise web.HTTPError(400) from error
        contents = cast("BoundedContents", self.contents_manager)
        try:
            taken = await run_sync(edited, document, len(self.request.body))
            # The same content after the same version is the same save: an answer may have been lost.
            save_id = content.digest(f"{base} {taken.digest}".encode())
            environment = await contents.environment(document, path)
            save = Save(f"{notebook_id}.ipynb", base, "saved", save_id, taken.digest, environment, taken, lambda: taken)
            self.finish({"version": await self.store.edit(notebook_id, save)})
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise web.HTTPError(400) from error
        except SwapError as error:
            self._refuse(error)


def opened(sent: bytes) -> bytes:
    """Put together a version that the gateway sent; return it as JSON, with what was said of it.  Raises Invalid."""
    file = io.BytesIO(sent)
    said, manifest = json.loads(file.readline()), file.readline()[:-1]
    parts = {name: content.unpacked(file.read(packed), size) for name, packed, size in said.pop("parts")}
    document = content.put_together(manifest, parts.__getitem__)
    for cell in document["cells"]:
        metadata = cell.get("metadata")
        cell["metadata"] = (metadata if isinstance(metadata, dict) else {}) | {"trusted": False}
    return json.dumps(said | {"content": document}).encode()


def edited(document: Any, size_bytes: int) -> Taken:
    """Take apart what is saved of a shared notebook, without what stands in place of outputs that are hidden.

    Raises Invalid, LimitExceeded, and what Python does with what is no notebook at all.
    """
    if size_bytes > content.WHOLE_BYTES:
        raise content.too_large()
    locks.keep(document)
    for cell in document["cells"]:
        if any(_is_hidden(output) for output in cell.get("outputs") or ()):
            cell.update(outputs=[], execution_count=None)
    return content.take_apart(document)


def _is_hidden(output: Any) -> bool:
    data = output.get("data") if isinstance(output, dict) else None
    return isinstance(data, dict) and content.HIDDEN in data


def routes(base_url: str, gateway: Gateway, store: Store) -> list[tuple[Any, ...]]:
    """Return the handlers; the gateway's tokens are those that read, the store's those that save."""
    shared = url_path_join(re.escape(base_url), "swap", "shared")
    return [
        (shared, List, {"gateway": gateway, "path": "/v1/shared"}),
        (f"{shared}/{NOTEBOOK_ID}", Standing, {"gateway": gateway, "path": "/v1/shared/{}"}),
        (f"{shared}/{NOTEBOOK_ID}/beside", Beside, {"gateway": gateway, "path": "/v1/shared/{}/beside"}),
        (
            f"{shared}/{NOTEBOOK_ID}/version",
            Version,
            {"gateway": gateway, "path": "/v1/shared/{}/version", "store": store},
        ),
    ]
