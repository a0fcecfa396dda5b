"""What the portal asks of the gateway, each time as one person, with a token that lives a minute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from swap.catalog import keys
from swap.errors import Problem, Unavailable, from_json
from swap.web.loopback import NO_TLS

QUICK = httpx.Timeout(5.0, connect=1.0)
LONG_POLL = httpx.Timeout(20.0, connect=1.0)
AWAY = Problem(
    "The gateway does not answer.",
    why="It runs the queries and keeps the catalogue; your notebooks are not touched.",
    todo="It is usually back within a minute. Try again.",
)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a result as a page shows them."""

    columns: tuple[dict[str, Any], ...]
    rows: tuple[tuple[str | None, ...], ...]
    total: int


class Gateway:
    """The gateway's API.  Every call takes the asking person's token."""

    def __init__(self, url: str) -> None:
        """Speak to the gateway at `url`."""
        self._sync = httpx.Client(base_url=url, timeout=QUICK, trust_env=False, verify=NO_TLS)
        self._async = httpx.AsyncClient(base_url=url, timeout=LONG_POLL, trust_env=False, verify=NO_TLS)

    async def close(self) -> None:
        """Close the connections."""
        self._sync.close()
        await self._async.aclose()

    def sources(self, token: str, *, fresh: bool = False) -> list[dict[str, Any]]:
        """Return the sources this person may know of, and if `fresh` up to when their data goes."""
        return list(self._get("/v1/catalog", token, fresh=fresh)["sources"])

    def schemas(self, token: str, source: str, limit: int) -> list[dict[str, Any]]:
        """Return the first schemas of a source, with how many tables they have."""
        return list(self._get("/v1/catalog/schemas", token, source=source, limit=limit)["schemas"])

    def tables(self, token: str, **wanted: Any) -> dict[str, Any]:
        """Return a page of the tables this person may know of, as docs/reference/api.md describes it."""
        return self._get("/v1/catalog/tables", token, **wanted)

    def find(self, token: str, names: Iterable[Sequence[str]]) -> list[dict[str, Any]]:
        """Return those of some tables, each named in three parts, that this person may know of."""
        return list(self._get("/v1/catalog/find", token, name=[keys.joined(*parts) for parts in names])["tables"])

    def find_changed(self, token: str, names: Iterable[Sequence[str]]) -> list[dict[str, Any]]:
        """Return what `find` does, and of each when a column of it went or became another type."""
        wanted = [keys.joined(*parts) for parts in names]
        return list(self._get("/v1/catalog/find", token, name=wanted, changed=True)["tables"])

    def table(self, token: str, source: str, schema: str, table: str) -> dict[str, Any]:
        """Return one table with its columns.  Raises NotFound for one this person may not know of."""
        return self._get("/v1/catalog/" + "/".join(quote(part, safe="") for part in (source, schema, table)), token)

    def _get(self, path: str, token: str, **params: Any) -> dict[str, Any]:
        said = {key: value for key, value in params.items() if value is not None}
        try:
            return _content(self._sync.get(path, headers=_bearer(token), params=said))
        except httpx.HTTPError as error:
            raise Unavailable(AWAY) from error

    async def run(self, token: str, statement: str) -> str:
        """Send a statement; return the run's id."""
        return str(
            (await self._call("POST", "/v1/queries", token, json={"statement": statement, "params": {}, "tables": {}}))[
                "id"
            ]
        )

    async def state(self, token: str, query_id: str, after: int) -> dict[str, Any]:
        """Return a run's state when it is newer than revision `after`; waits for up to ten seconds."""
        return await self._call("GET", f"/v1/queries/{query_id}", token, params={"after": after})

    async def page(self, token: str, query_id: str, limit: int) -> Page:
        """Return the first rows of a result."""
        content = await self._call("GET", f"/v1/queries/{query_id}/page", token, params={"offset": 0, "limit": limit})
        return Page(tuple(content["columns"]), tuple(tuple(row) for row in content["rows"]), int(content["total"]))

    async def download(self, token: str, query_id: str, kind: str) -> httpx.Response:
        """Return a result as a file, still to be read, and to be closed."""
        asked = self._async.build_request(
            "GET", f"/v1/queries/{query_id}/download", headers=_bearer(token), params={"format": kind}
        )
        try:
            answer = await self._async.send(asked, stream=True)
            if not answer.is_success:
                await answer.aread()
        except httpx.HTTPError as error:
            raise Unavailable(AWAY) from error
        if not answer.is_success:
            _content(answer)
        return answer

    async def cancel(self, token: str, query_id: str) -> None:
        """Cancel a run at its sources."""
        await self._call("DELETE", f"/v1/queries/{query_id}", token)

    async def _call(self, method: str, path: str, token: str, **more: Any) -> dict[str, Any]:
        try:
            return _content(await self._async.request(method, path, headers=_bearer(token), **more))
        except httpx.HTTPError as error:
            raise Unavailable(AWAY) from error


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _content(answer: httpx.Response) -> dict[str, Any]:
    """Return the answer's JSON, or raise what the gateway says went wrong."""
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Unavailable(AWAY)
    if answer.is_success:
        return content
    raise from_json(content.get("error"), answer.status_code)
