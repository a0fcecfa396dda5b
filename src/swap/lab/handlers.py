"""What JupyterLab's extension asks its own server, passed on to the gateway with a token of the server's own.

The browser never holds a gateway token; the server's login and XSRF check stand before each route.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import httpx
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.routing import PathMatches, Rule

from swap.errors import Problem, SwapError, Unavailable, to_json
from swap.lab.idle import Idle
from swap.lab.loopback import NO_TLS
from swap.lab.tokens import Tokens

QUERY_ID = r"([A-Za-z0-9_-]{1,64})"
BODY_BYTES = 300_000
CHUNK_BYTES = 65_536
PARAMETERS = frozenset({"after", "offset", "limit", "sort", "descending", "contains", "column", "format"})


class Gateway:
    """The gateway's HTTP side, for the handlers."""

    def __init__(self, url: str, tokens: Tokens) -> None:
        self.url = url
        self.tokens = tokens
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=8)
        self.client = httpx.AsyncClient(
            timeout=httpx.Timeout(30.0, connect=5.0), limits=limits, trust_env=False, verify=NO_TLS
        )

    async def ask(
        self, method: str, path: str, parameters: dict[str, list[str]], content: bytes | None
    ) -> httpx.Response:
        """Ask in the person's name; the answer's body is still to be read.  Raises SwapError, httpx.HTTPError."""
        response = await self._ask(method, path, parameters, content)
        if response.status_code != 401:
            return response
        # The token may be of a time before a sign-out or of an earlier gateway: once more with a new one.
        await response.aclose()
        self.tokens.drop()
        return await self._ask(method, path, parameters, content)

    async def _ask(
        self, method: str, path: str, parameters: dict[str, list[str]], content: bytes | None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {(await self.tokens.get()).value}"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        request = self.client.build_request(
            method, self.url + path, params=parameters, headers=headers, content=content
        )
        return await self.client.send(request, stream=True)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()


class Passing(JupyterHandler):
    """Passes one request on to the gateway."""

    parameters: ClassVar[frozenset[str]] = PARAMETERS

    def initialize(self, gateway: Gateway, path: str) -> None:
        """Take the gateway and the path there; `{}` stands for the query's id."""
        self.gateway = gateway
        self.path = path

    async def pass_on(self, method: str, query_id: str = "", content: bytes | None = None) -> None:
        """Ask the gateway, answer with what it says."""
        try:
            response = await self.gateway.ask(method, self.path.format(query_id), self._parameters(), content)
        except SwapError as error:
            self._refuse(error)
            return
        except httpx.HTTPError:
            self._refuse(Unavailable(Problem("SWAP's gateway does not answer.", todo="Try again in a minute.")))
            return
        try:
            await self._stream(response)
        finally:
            await response.aclose()

    def _refuse(self, error: SwapError) -> None:
        self.set_status(error.status)
        self.finish({"error": to_json(error)})

    def _parameters(self) -> dict[str, list[str]]:
        """Return the question's own parameters, without what is between the browser and us."""
        return {
            name: [value.decode() for value in values]
            for name, values in self.request.query_arguments.items()
            if name in self.parameters
        }

    async def _stream(self, response: httpx.Response) -> None:
        self.set_status(response.status_code)
        self.set_header("Cache-Control", "no-store")
        if "Content-Type" in response.headers:
            self.set_header("Content-Type", response.headers["Content-Type"])
        async for chunk in response.aiter_bytes(CHUNK_BYTES):
            self.write(chunk)
            await self.flush()
        self.finish()


class ApiPassing(Passing, APIHandler):
    """The same for calls of the extension."""


class Complete(ApiPassing):
    """POST swap/complete."""

    @web.authenticated
    async def post(self) -> None:
        """Return completions for a statement."""
        if len(self.request.body) > BODY_BYTES:
            raise web.HTTPError(413)
        await self.pass_on("POST", content=self.request.body)


class Query(ApiPassing):
    """GET and DELETE swap/queries/{id}."""

    @web.authenticated
    async def get(self, query_id: str) -> None:
        """Return the state of a run."""
        await self.pass_on("GET", query_id)

    @web.authenticated
    async def delete(self, query_id: str) -> None:
        """Cancel it at the source."""
        await self.pass_on("DELETE", query_id)


class Page(ApiPassing):
    """GET swap/queries/{id}/page."""

    @web.authenticated
    async def get(self, query_id: str) -> None:
        """Return some rows of a result."""
        await self.pass_on("GET", query_id)


class Download(Passing):
    """GET swap/queries/{id}/download: a link in the page, so no script's headers."""

    @web.authenticated
    async def get(self, query_id: str) -> None:
        """Return the result as a file; the link names it, after the person's own variable."""
        self.set_header("Content-Disposition", "attachment")
        await self.pass_on("GET", query_id)


class AccessNow(APIHandler):
    """GET and POST swap/access."""

    def initialize(self, idle: Idle) -> None:
        """Take what knows how long nothing has happened."""
        self.idle = idle

    @web.authenticated
    async def get(self) -> None:
        """Say that access is live, and when the server will be stopped; the guard answers when it is not."""
        self._say()

    @web.authenticated
    async def post(self) -> None:
        """Keep the server running: its person is here."""
        self.idle.happened()
        self._say()

    def _say(self) -> None:
        self.set_header("Cache-Control", "no-store")
        stops_at = self.idle.stops_at
        self.finish({"access": "live", "stops_at": None if stops_at is None else stops_at.isoformat()})


class Formats(APIHandler):
    """GET api/nbconvert, in the place of Jupyter's own."""

    auth_resource = "nbconvert"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return what a notebook can be saved as: what works here, with no other program and no other host."""
        self.finish({name: {"output_mimetype": mime} for name, mime in FORMATS.items()})


class PlotlyFiles(JupyterHandler, web.StaticFileHandler):
    """GET swap/plotly/…: plotly's own renderer, which the page loads with the first figure."""

    @web.authenticated
    async def get(self, path: str, include_body: bool = True) -> None:  # type: ignore[override]
        """Return one of its files."""
        await web.StaticFileHandler.get(self, path, include_body)


class Closed(JupyterHandler):
    """A part of JupyterLab that SWAP switched off."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Answer 404, whoever asks and however."""
        self.set_status(404)
        self.finish({"message": "SWAP has switched this part of JupyterLab off."})


FORMATS = {"html": "text/html", "markdown": "text/markdown", "script": "text/x-python"}
"""What nbconvert makes of a notebook here: the others need LaTeX, a browser, pandoc or an outside host."""
PLOTLY = Path("share", "jupyter", "labextensions", "jupyterlab-plotly")
"""Where it is in the notebooks' environment."""
CLOSED = (
    "lab/api/extensions",
    "lab/api/plugins",
    "lab/api/news",
    "lab/api/update",
    "api/shutdown",
    "lab/api/build",
    "api/build",
    r"nbconvert/\w+$",  # of what is sent along: the page saves, and asks for what is saved
    rf"nbconvert/(?!(?:{'|'.join(FORMATS)})(?:/|$))[^/]*",
)


def routes(base_url: str, gateway: Gateway, plotly: Path, idle: Idle) -> list[tuple[Any, ...]]:
    """Return our handlers; `plotly` is the directory of plotly's own renderer."""

    def ours(path: str) -> str:
        return url_path_join(re.escape(base_url), "swap", path)

    query = f"queries/{QUERY_ID}"
    return [
        (ours("access"), AccessNow, {"idle": idle}),
        (url_path_join(re.escape(base_url), "api/nbconvert"), Formats),
        (ours(r"plotly/(package\.json|static/[\w.]+\.js)"), PlotlyFiles, {"path": str(plotly)}),
        (ours("complete"), Complete, {"gateway": gateway, "path": "/v1/complete"}),
        (ours(query), Query, {"gateway": gateway, "path": "/v1/queries/{}"}),
        (ours(f"{query}/page"), Page, {"gateway": gateway, "path": "/v1/queries/{}/page"}),
        (ours(f"{query}/download"), Download, {"gateway": gateway, "path": "/v1/queries/{}/download"}),
    ]


def closed_rules(base_url: str) -> list[Rule]:
    """Return the rules that answer for the parts that are off; they must stand first."""
    return [Rule(PathMatches(url_path_join(re.escape(base_url), path) + r"(?:/.*)?$"), Closed) for path in CLOSED]
