"""The host on which notebooks are shown: no cookie, script or power; an address says what it opens, and until when.

An address is signed, for one notebook as one person sees it, and gives the notebook once, within a minute, as long as
the sign-in lives in which it was made; one that is shared, as long as it is shared, and its person may see as much of
it.  Everything here is answered for a page without an origin.
"""

from __future__ import annotations

import hmac
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import jwt
from markupsafe import Markup
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from swap import look
from swap.errors import NotFound, NotSignedIn, Problem, SwapError
from swap.identity import Principal, Via
from swap.notebooks import shown
from swap.notebooks.shown import Seen
from swap.people import service as people
from swap.people import signed
from swap.people.model import PortalSession
from swap.people.tokens import Claims
from swap.reading import answers
from swap.reading.document import FILE_BYTES
from swap.reading.room import digest
from swap.reports import service as reports
from swap.settings import Address
from swap.web import errors
from swap.web.portal import Portal

log = logging.getLogger("swap.web")

AUDIENCE = "swap-content"
SECONDS = 60.0
"""In which the notebook must be asked for."""
PICTURES_SECONDS = 300.0
"""In which its pictures must be: a browser asks for them at once, but a tunnel may be slow."""
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
"""What a shown notebook may do: a link that is clicked opens a page.  It has no script, form, origin or way up."""
CHART_SANDBOX = "allow-scripts"
"""What a chart may do: run the script that draws it.  It has no origin, no network, no way out or up."""
CHART = re.compile(r"[0-9a-f]{32}\.chart")
MODES = frozenset({"light", "dark"})
_ADDRESS = re.compile(
    r"/read/(?P<token>[\w.-]{1,4000})/(?:(?P<picture>[0-9a-f]{32}\.(?:png|jpg|svg))|(?P<chart>[0-9a-f]{32}\.chart))?"
)
FILES = ("reader.css", "chart-vegalite.js", "chart-plotly.js")
"""What of our own files is there."""
_ENDED = Problem("This address has ended.", todo="Load the page around it again.")


@dataclass(frozen=True, slots=True)
class Opened:
    """What an address opens: a notebook, by what it is known by, for somebody who may act and see it now."""

    person: Principal
    name: str
    known_by: str
    made_at: datetime
    content: Callable[[], bytes]
    shared: bool
    charts: str
    """Where on the portal its charts move, before their names."""


def address(portal: Portal, at: Address, session: PortalSession, path: str, content: bytes, now: datetime) -> str:
    """Return an address that shows a notebook of the session's person."""
    return _signed(portal, at, session, {"path": path, "is": digest(content)}, now)


def shared_address(portal: Portal, at: Address, session: PortalSession, seen: Seen, now: datetime) -> str:
    """Return an address that shows a version of a shared notebook, as the session's person sees it."""
    claims: dict[str, str | int] = {"notebook": seen.opened.kept.notebook_id, "version": seen.number, "is": seen.key}
    return _signed(portal, at, session, claims, now)


def run_address(
    portal: Portal, at: Address, session: PortalSession, run: tuple[str, str], seen: Seen, now: datetime
) -> str:
    """Return an address that shows what a run of a report executed, as the session's person sees it."""
    report_id, run_id = run
    return _signed(portal, at, session, {"report": report_id, "run": run_id, "is": seen.key}, now)


def _signed(portal: Portal, at: Address, session: PortalSession, what: Mapping[str, str | int], now: datetime) -> str:
    claims = {
        "sub": session.principal.id,
        "epoch": session.access.epoch,
        "jti": portal.clock.short(),
        **what,
    }
    token = signed.sign(_key(portal), AUDIENCE, claims, now=now, seconds=PICTURES_SECONDS)
    return f"{at.content_url}/read/{token}/"


def file(portal: Portal, person: Principal, path: str) -> bytes:
    """Return a notebook's file.  Raises NotFound; of one that is too large to be read, only as much as shows that."""
    opened, _ = portal.workspace(person).open(path)
    with opened:
        return opened.read(FILE_BYTES + 1)


def put_together(portal: Portal, seen: Seen) -> bytes:
    """Return a version of a shared notebook as a file, as somebody sees it."""
    with portal.engine.begin() as conn:
        return shown.written(conn, seen)


def _seen(portal: Portal, conn: Connection, person: Principal, said: Mapping[str, Any], now: datetime) -> Seen:
    """Return what an address says of a shared notebook, if its person may see just that still.  Raises NotSignedIn."""
    policy = portal.settings.policy
    try:
        if "run" in said:
            looked = reports.look(conn, person, said["report"], now)
            seen = reports.see(conn, policy, person, looked, reports.run_of(conn, looked, said["run"]), now)
        else:
            seen = shown.look(conn, policy, person, said["notebook"], now, said["version"])
    except NotFound as error:
        raise NotSignedIn(_ENDED) from error
    if seen.key != said["is"]:
        raise NotSignedIn(_ENDED)
    return seen


def _is_shared(said: Mapping[str, Any]) -> bool:
    """Tell whether an address is of what its person may see by a share, and not of a file of theirs."""
    return "notebook" in said or "run" in said


def _page_of(said: Mapping[str, Any]) -> str:
    """Return the portal's page of what an address shows that is no file of its person's."""
    return f"/reports/{said['report']}/runs/{said['run']}" if "run" in said else f"/n/{said['notebook']}"


def _same_file(portal: Portal, person: Principal, path: str, is_: str) -> bytes:
    """Return a notebook's file, if it is what an address was made for.  Raises NotFound."""
    found = file(portal, person, path)
    if digest(found) != is_:
        raise NotFound(Problem("This notebook was saved anew meanwhile.", todo="Load the page around it again."))
    return found


class Once:
    """Addresses that gave their notebook; forgotten when they give none any more anyway."""

    def __init__(self) -> None:
        """Begin with none."""
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def first_time(self, token: str, now: float) -> bool:
        """Tell whether an address is asked for the first time, and remember it."""
        with self._lock:
            while self._seen and next(iter(self._seen.values())) < now - SECONDS:
                self._seen.popitem(last=False)
            if token in self._seen:
                return False
            self._seen[token] = now
            return True


class Content:
    """The application for that host."""

    def __init__(self, portal: Portal) -> None:
        """Begin; no address was used."""
        self._portal = portal
        self._key = _key(portal)
        self._used = Once()
        self._page = portal.templates.get_template("content.html")
        self._chart_page = portal.templates.get_template("content_chart.html")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        # Nothing is waited for where nothing is looked up.
        answer = self._unchanged(request)
        if answer is None:
            answer = await run_in_threadpool(self._answer, request)
        at = self._portal.address(request)
        for name, value in headers(at, is_page=answer.media_type == "text/html").items():
            answer.headers.setdefault(name, value)
        await answer(scope, receive, send)

    def _unchanged(self, request: Request) -> Response | None:
        """Answer who has what an address shows: that it is the same, which the address itself says to its holder."""
        found = _ADDRESS.fullmatch(request.url.path)
        wanted = request.headers.get("if-none-match")
        if wanted is None or found is None or found["picture"] or found["chart"] or request.method != "GET":
            return None
        try:
            said = signed.read(self._key, AUDIENCE, found["token"], self._portal.clock.now())
        except jwt.InvalidTokenError:
            return None
        # What is shared may be shared no more.
        if _is_shared(said):
            return None
        if wanted != _mark(said["is"], request):
            return None
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": wanted})

    def _answer(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            return self._said(request, Problem("Nothing can be sent here."), HTTPStatus.METHOD_NOT_ALLOWED)
        try:
            return self._found(request)
        except Exception as error:
            known = errors.as_problem(error)
            if known is None:
                log.exception("a notebook could not be shown")
                known = SwapError(Problem("SWAP made a mistake here.", todo="Load the page around it again."))
            status = HTTPStatus.FORBIDDEN if isinstance(known, NotSignedIn) else known.status
            return self._said(request, known.problem, status)

    def _found(self, request: Request) -> Response:
        path = request.url.path
        if path in map(look.asset, FILES):
            kept = {"Cache-Control": "public, max-age=31536000, immutable"}
            return FileResponse(look.STATIC.parent / path.removeprefix("/"), headers=kept)
        found = _ADDRESS.fullmatch(path)
        if found is None:
            raise NotFound(Problem("There is nothing at this address."))
        opened = self._open(found["token"])
        if found["picture"]:
            return self._picture(opened, found["picture"])
        if found["chart"]:
            return self._chart(opened, found["chart"], request)
        return self._notebook(opened, found["token"], request)

    def _open(self, token: str) -> Opened:
        """Return what an address opens.  Raises NotSignedIn for one not of ours, or that has ended."""
        portal, now = self._portal, self._portal.clock.now()
        try:
            said = signed.read(self._key, AUDIENCE, token, now)
        except jwt.InvalidTokenError as error:
            raise NotSignedIn(_ENDED) from error
        claims = Claims(said["sub"], Via.PORTAL, said["epoch"], "", "", signed.ends_at(said))
        with portal.engine.begin() as conn:
            person = people.token_bearer(conn, claims, now)
            seen = _seen(portal, conn, person, said, now) if _is_shared(said) else None
        made_at = datetime.fromtimestamp(float(said["iat"]), UTC)
        if seen is not None:
            of_store = lambda: put_together(portal, seen)  # noqa: E731
            charts = f"{_page_of(said)}/chart?chart="
            return Opened(person, seen.opened.name, seen.key, made_at, of_store, shared=True, charts=charts)
        of_file = lambda: _same_file(portal, person, said["path"], said["is"])  # noqa: E731
        charts = f"/notebooks/chart?{urlencode({'path': said['path']})}&chart="
        return Opened(person, said["path"], said["is"], made_at, of_file, shared=False, charts=charts)

    def _notebook(self, opened: Opened, token: str, request: Request) -> Response:
        mode, unfolded = _wished(request)
        now = self._portal.clock.now()
        if now > opened.made_at + timedelta(seconds=SECONDS) or not self._used.first_time(token, now.timestamp()):
            raise NotSignedIn(_ENDED)
        rendered = self._portal.room.render_known(opened.person.id, opened.known_by, opened.content)
        html = answers.leading(rendered.html, self._portal.address(request).url + opened.charts)
        html = answers.unfolded(html) if unfolded else html
        page = self._page.render(
            title=rendered.title or opened.name,
            mode=mode,
            html=Markup(html),  # noqa: S704
        )
        kept = {"Cache-Control": "no-store"} if opened.shared else {"ETag": _mark(opened.known_by, request)}
        return HTMLResponse(page, headers=kept)

    def _picture(self, opened: Opened, name: str) -> Response:
        content, kind = self._portal.room.picture(opened.person.id, opened.known_by, name, opened.content)
        kept = {"Cache-Control": "no-store" if opened.shared else f"private, max-age={PICTURES_SECONDS:.0f}, immutable"}
        return Response(content, media_type=kind, headers=kept)

    def _chart(self, opened: Opened, name: str, request: Request) -> Response:
        # By itself it could lead its own window elsewhere; in the portal's page, that page's policy holds it.
        if request.headers.get("sec-fetch-dest") != "iframe":
            raise NotFound(Problem("A chart is shown on a page of SWAP's, not by itself.", todo="Open its notebook."))
        specification, kind = self._portal.room.chart(opened.person.id, name, opened.content)
        mode, _ = _wished(request)
        script = f"chart-{kind}.js"
        page = self._chart_page.render(mode=mode, specification=specification.decode("utf-8", "replace"), script=script)
        held = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": chart_policy(self._portal.address(request), script),
        }
        return HTMLResponse(page, headers=held)

    def _said(self, request: Request, problem: Problem, status: int) -> Response:
        home = f"{self._portal.address(request).url}/"
        link = Markup('<a href="{}" target="_blank" rel="noopener noreferrer">Go to SWAP</a>').format(home)
        said = Markup('<p class="none"><b>{}</b> {} {}</p>').format(problem.title, problem.todo, link)
        return HTMLResponse(self._page.render(title=problem.title, mode="", html=said), status_code=status)


def _wished(request: Request) -> tuple[str, bool]:
    """Return light, dark or neither, and whether all code is open."""
    mode = request.query_params.get("mode", "")
    return mode if mode in MODES else "", request.query_params.get("code") == "all"


def _mark(content_digest: str, request: Request) -> str:
    """Return the tag of a notebook as it is wished for."""
    mode, unfolded = _wished(request)
    return f'"{content_digest[:32]}{mode}{"+" if unfolded else ""}"'


def policy(at: Address) -> str:
    """Return the content security policy of a shown notebook: pictures and one sheet of this host, and no more."""
    return "; ".join(
        (
            f"sandbox {SANDBOX}",
            "default-src 'none'",
            # Not 'self': a page without an origin is nobody's own.
            f"img-src {at.content_url}",
            f"style-src {at.content_url}",
            "form-action 'none'",
            "base-uri 'none'",
            f"frame-ancestors {at.url}",
        )
    )


def chart_policy(at: Address, script: str) -> str:
    """Return the content security policy of a chart: the one script that draws it, styles, and nothing else."""
    return "; ".join(
        (
            f"sandbox {CHART_SANDBOX}",
            "default-src 'none'",
            f"script-src {at.content_url}{look.asset(script)}",
            # plotly writes its styles itself.  Nothing that a style could ask for is allowed.
            f"style-src {at.content_url}{look.asset('reader.css')} 'unsafe-inline'",
            "form-action 'none'",
            "base-uri 'none'",
            f"frame-ancestors {at.url}",
        )
    )


def headers(at: Address, *, is_page: bool) -> Mapping[str, str]:
    """Return the headers of every answer; a page's parts are asked for by a page without an origin."""
    return {
        "Content-Security-Policy": policy(at),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin" if is_page else "cross-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Cache-Control": "private, no-cache",
    }


def _key(portal: Portal) -> bytes:
    """Return a key for these addresses alone: the portal's own mints tokens for the gateway."""
    return hmac.digest(portal.runtime.portal_key.encode(), AUDIENCE.encode(), "sha256")


def at_cell(frame: str, anchor: str) -> str:
    """Return an address with a place on the page."""
    return f"{frame}#{quote(anchor)}" if anchor else frame
