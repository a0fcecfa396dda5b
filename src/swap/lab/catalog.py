"""What the Data panel asks: sources, schemas, tables and one table's columns, a page at a time."""

from __future__ import annotations

import re
from typing import Any, ClassVar
from urllib.parse import quote

from jupyter_server.utils import url_path_join
from tornado import web

from swap.errors import NotFound, Problem
from swap.lab.handlers import ApiPassing, Gateway

NAMES = ("source", "schema", "table")
NAME_LENGTH = 600
"""Characters of a name, as the catalog holds them."""


class Sources(ApiPassing):
    """GET swap/catalog."""

    parameters: ClassVar[frozenset[str]] = frozenset()

    @web.authenticated
    async def get(self) -> None:
        """Return the sources."""
        await self.pass_on("GET")


class Schemas(Sources):
    """GET swap/catalog/schemas."""

    parameters = frozenset({"source", "after", "limit"})


class Tables(Sources):
    """GET swap/catalog/tables."""

    parameters = frozenset({"source", "schema", "text", "columns", "after", "limit"})


class Table(ApiPassing):
    """GET swap/catalog/table: the names are parameters here, as no proxy lets a slash of a name pass in a path."""

    parameters = frozenset()

    @web.authenticated
    async def get(self) -> None:
        """Return one table with its columns."""
        names = [self.get_query_argument(name, "", strip=False) for name in NAMES]
        if not all(map(_is_name, names)):
            self._refuse(NotFound(Problem("There is no such table.")))
            return
        self.path = "/".join([self.path, *(quote(name, safe="") for name in names)])
        await self.pass_on("GET")


def _is_name(name: str) -> bool:
    """Tell whether a name is a step of a path: nothing, `.` and `..` would lead to another route."""
    return name not in {"", ".", ".."} and len(name) <= NAME_LENGTH


def routes(base_url: str, gateway: Gateway) -> list[tuple[Any, ...]]:
    """Return the handlers."""

    def ours(path: str) -> str:
        return url_path_join(re.escape(base_url), "swap", path)

    return [
        (ours("catalog"), Sources, {"gateway": gateway, "path": "/v1/catalog"}),
        (ours("catalog/schemas"), Schemas, {"gateway": gateway, "path": "/v1/catalog/schemas"}),
        (ours("catalog/tables"), Tables, {"gateway": gateway, "path": "/v1/catalog/tables"}),
        (ours("catalog/table"), Table, {"gateway": gateway, "path": "/v1/catalog"}),
    ]
