"""The drive *Shared*: what others share with this person, as SWAP lets them see it now.

The gateway is asked each time, with a token that reads this and nothing else; nothing of it is kept here or at home.
A notebook comes as its parts, and is put together here, untrusted: what its author's file says of trust counts nothing.
"""

from __future__ import annotations

import io
import json
import re
from typing import Any, ClassVar

import httpx
from anyio.to_thread import run_sync
from jupyter_server.utils import url_path_join
from tornado import web

from swap import content
from swap.errors import SwapError
from swap.lab.handlers import ApiPassing, Gateway
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


class Version(ApiPassing):
    """GET swap/shared/{id}/version."""

    parameters: ClassVar[frozenset[str]] = frozenset()

    @web.authenticated
    async def get(self, notebook_id: str) -> None:
        """Return the newest version of a notebook, with the outputs that this person may see."""
        await self.pass_on("GET", notebook_id)

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


def routes(base_url: str, gateway: Gateway) -> list[tuple[Any, ...]]:
    """Return the handlers; the gateway's tokens are those that read."""
    shared = url_path_join(re.escape(base_url), "swap", "shared")
    return [
        (shared, List, {"gateway": gateway, "path": "/v1/shared"}),
        (f"{shared}/{NOTEBOOK_ID}", Standing, {"gateway": gateway, "path": "/v1/shared/{}"}),
        (f"{shared}/{NOTEBOOK_ID}/beside", Beside, {"gateway": gateway, "path": "/v1/shared/{}/beside"}),
        (f"{shared}/{NOTEBOOK_ID}/version", Version, {"gateway": gateway, "path": "/v1/shared/{}/version"}),
    ]
