"""Wire the portal: settings and runtime → a FastAPI application.

Each request passes Guard, then `_answer`, then one handler.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from swap import look, visit
from swap.db import engine
from swap.errors import NotFound, NotSignedIn, Problem
from swap.forking import ForkServer, shared
from swap.notebooks.near import Near
from swap.notebooks.place import Places
from swap.reading import highlight
from swap.reading.program import PROGRAM
from swap.reading.room import Room
from swap.runtime import Runtime
from swap.settings import Settings
from swap.web import auth, comments, errors, forms, words
from swap.web.cards import Cards
from swap.web.clock import Clock
from swap.web.content import Content
from swap.web.errors import NO_PAGE
from swap.web.gateway import Gateway
from swap.web.gone import Gone
from swap.web.guard import Guard
from swap.web.hub import CALLBACK, Hub
from swap.web.pages import go, respond
from swap.web.portal import Portal, Visit
from swap.web.routes import ROUTES, Route
from swap.web.starts import Starts

TEMPLATES = Path(__file__).parent / "templates"


def create(
    settings: Settings,
    runtime: Runtime,
    clock: Clock | None = None,
    places: Places | None = None,
    readers: ForkServer | None = None,
) -> FastAPI:
    """Return the portal.  Raises SettingsError when pages were not built.

    Without `places` it touches homes itself; without `readers` it forks what reads notebooks.
    """
    look.asset("swap.css")
    clock = clock or Clock()
    templates = look.environment(TEMPLATES, filters=_filters())
    hub = Hub(runtime.hub_url, runtime.web_service_token)
    portal = Portal(
        settings=settings,
        runtime=runtime,
        engine=engine.create(runtime.database_urls["web"]),
        hub=hub,
        gateway=Gateway(runtime.gateway_url),
        places=places or Near(runtime.homes, settings.state),
        room=Room(readers or shared(PROGRAM)),
        starts=Starts(hub, settings.launch.start_seconds, clock.monotonic, clock.short),
        templates=templates,
        clock=clock,
    )

    # Of its own: who looks at a page waits for no card.
    cards = Cards(engine.create(runtime.database_urls["web"], connections=1))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        cards.start()
        yield
        await run_in_threadpool(cards.stop)
        await portal.starts.close()
        await hub.close()
        await portal.gateway.close()
        portal.room.close()
        portal.engine.dispose()

    app = FastAPI(title="SWAP portal", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.portal = portal
    used = auth.Used()
    signing_in = (
        Route("GET", "/sign-in", auth.sign_in, public=True),
        Route("GET", CALLBACK, lambda portal, visit: auth.callback(portal, visit, used), public=True),
    )
    for route in (*ROUTES, *signing_in):
        app.add_api_route(
            route.path, _endpoint(portal, route), methods=[route.method], response_model=None, include_in_schema=False
        )
    app.add_api_route("/ping", _ping(runtime.mark), methods=["GET"], response_model=None, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=look.STATIC))
    app.add_exception_handler(HTTPException, _failed(portal))
    app.add_middleware(
        Guard,
        settings=settings,
        gone=Gone(templates, settings.addresses),
        content=Content(portal),
        failed=_failed(portal),
    )
    return app


def _ping(mark: str) -> Callable[[], Awaitable[Response]]:
    async def ping() -> Response:
        """Answer the browser's test whether it finds names below ours, and the doctor's whether it finds this SWAP."""
        return Response(status_code=204, headers={visit.MARK: mark})

    return ping


def _endpoint(portal: Portal, route: Route) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        return await _answer(portal, route, request)

    return endpoint


async def _answer(portal: Portal, route: Route, request: Request) -> Response:
    """Say who is asking, check what they send, and let the handler answer."""
    session = await run_in_threadpool(auth.session_of, portal, request)
    visit = Visit(request, portal.clock.now(), session)
    try:
        if session is None and not route.public:
            return await run_in_threadpool(_sign_in_first, portal, visit)
        if route.admin:
            # Before anything else: to others the page is not there, whatever they send.
            demand_admin(portal, visit)
        if route.method == "POST":
            forms.check_origin(request, portal.address(request).scheme)
            form, upload = await forms.read(request, route.upload_bytes)
            forms.check_csrf(form, session.csrf if session else "")
            visit = Visit(request, visit.now, session, form, upload)
        on_loop = iscoroutinefunction(route.handler)
        answer = route.handler(portal, visit) if on_loop else await run_in_threadpool(route.handler, portal, visit)
        return answer if isinstance(answer, Response) else await answer
    except Exception as error:  # noqa: BLE001 - every error becomes a page; ours are logged with a reference
        return await run_in_threadpool(errors.page, portal, visit, error)


def demand_admin(portal: Portal, visit: Visit) -> None:
    """Raise NotFound, as for a page that is not there, for who is not in the admin group now."""
    if not portal.is_admin(visit.person):
        raise NotFound(NO_PAGE)


def _sign_in_first(portal: Portal, visit: Visit) -> Response:
    """Lead somebody without a session to the sign-in, and back to where they wanted to go."""
    if visit.is_part or "text/event-stream" in visit.request.headers.get("accept", ""):
        return respond(
            portal,
            visit,
            "part_failed.html",
            status=NotSignedIn.status,
            problem=Problem("You are signed out.", todo="Load the page again to sign in."),
        )
    path = visit.request.url.path
    target = f"{path}?{visit.request.url.query}" if visit.request.url.query else path
    return go("/sign-in?" + urlencode({"next": target if visit.request.method == "GET" else "/"}))


def _failed(portal: Portal) -> Callable[[Request, Exception], Any]:
    async def failed(request: Request, error: Exception) -> Response:
        try:
            session = await run_in_threadpool(auth.session_of, portal, request)
        except Exception:  # noqa: BLE001 - the page of an error must not fail for want of a database
            session = None
        return await run_in_threadpool(errors.page, portal, Visit(request, portal.clock.now(), session), error)

    return failed


def _filters() -> dict[str, Callable[..., Any]]:
    return {
        "count": words.count,
        "size": words.size,
        "seconds": words.seconds,
        "plural": words.plural,
        "ago": words.ago,
        "clock": words.clock,
        "day": words.day,
        "last_day": words.last_day,
        "exact": words.exact,
        "grouped": words.grouped,
        "rows": words.rows,
        "spelt": words.spelt,
        "sentences": words.sentences,
        "sql": highlight.sql,
        "linked": comments.linked,
    }
