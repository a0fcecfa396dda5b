"""What SWAP has of a notebook of this person's own: what is told beside it, the version that another machine saved.

Asked each time, with the token that reads; nothing of it is kept here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

from jupyter_server.utils import url_path_join
from tornado import web

from swap.lab.handlers import ApiPassing, Gateway
from swap.lab.saving import Saving
from swap.lab.shared import Opening


class OfOwn(ApiPassing):
    """Asks about the notebook at a path of JupyterLab's, by its path in the home."""

    parameters: ClassVar[frozenset[str]] = frozenset()

    def initialize(self, gateway: Gateway, path: str, saving: Saving) -> None:  # type: ignore[override] # one thing more
        """Take the gateway, the path there, and what knows where notebooks are."""
        super().initialize(gateway, path)
        self.saving = saving

    def _parameters(self) -> dict[str, list[str]]:
        manager: Any = self.contents_manager
        file = Path(manager._get_os_path(self.get_query_argument("path")))  # noqa: SLF001 — Jupyter's only way
        return {"path": [self.saving.name(file)]}


class Beside(OfOwn):
    """GET swap/own."""

    @web.authenticated
    async def get(self) -> None:
        """Return what is told beside a notebook."""
        await self.pass_on("GET")


class OwnVersion(OfOwn, Opening):
    """GET swap/own/version."""

    @web.authenticated
    async def get(self) -> None:
        """Return the newest version of a notebook."""
        await self.pass_on("GET")


def routes(base_url: str, gateway: Gateway, saving: Saving) -> list[tuple[Any, ...]]:
    """Return the handlers; the gateway's tokens are those that read."""
    own = url_path_join(re.escape(base_url), "swap", "own")
    return [
        (own, Beside, {"gateway": gateway, "path": "/v1/own", "saving": saving}),
        (f"{own}/version", OwnVersion, {"gateway": gateway, "path": "/v1/own/version", "saving": saving}),
    ]
