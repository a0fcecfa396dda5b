"""Which host and path leads where: Traefik's configuration, as a pure function of the settings.

Closed by default.  On the portal's host only the sign-in page and the OAuth door lead to JupyterHub, and
everything else is the portal's; a person's host leads to that person's server and to nothing else; hosts
that are neither are told so, in words, by one path of the portal's.  The hub writes a file of its own beside
ours, with one route for each running server.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from swap.hub import clients
from swap.hub.loopback import refuse_other_addresses
from swap.runtime import Runtime
from swap.settings import Settings

WEB = "web"
API = "api"
API_USER = "hub"
HUB_FILE = "hub.toml"
"""The hub's own file in the file provider's directory."""

PROBE = "probe--x"
"""A name below the portal's that can be nobody's id.

The portal's pages ask for it to see whether browsers resolve it.
"""

PERSON = "p[a-z2-7]{9}"
"""identity.PERSON_ID, as Traefik's regular expressions write it."""

IS_PAGE = "HeaderRegexp(`Accept`, `text/html`)"
"""What a browser asks for when somebody goes to an address."""

SERVER_GONE = "server-gone"
"""The middleware that answers in words for a server that does not answer; hub/proxy.py puts it before each server."""

# Above the routes the hub writes itself, whose priority is the length of their rule.
_DOOR, _GUARD, _PORTAL, _LAST, _LAST_OF_ALL = 1000, 900, 10, 2, 1


def traefik(settings: Settings, runtime: Runtime) -> dict[str, dict[str, Any]]:
    """Return the contents of Traefik's static and dynamic file."""
    refuse_other_addresses(settings)
    return {
        "static": _static(settings, runtime),
        "dynamic": {
            "http": {
                "routers": _routers(settings),
                "middlewares": _middlewares(settings, runtime),
                "services": {
                    "portal": _service(runtime.web_url),
                    "hub": _service(runtime.hub_url),
                },
            }
        },
    }


def _static(settings: Settings, runtime: Runtime) -> dict[str, Any]:
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "WARN", "noColor": True},
        "api": {"dashboard": False},
        "ping": {"entryPoint": API},
        "providers": {
            "providersThrottleDuration": "0s",
            "file": {"directory": str(runtime.traefik_directory), "watch": True},
        },
        "entryPoints": {
            WEB: {
                "address": f"{settings.site.bind}:{settings.site.port}",
                "transport": {
                    "lifeCycle": {"graceTimeOut": "1s"},
                    # Reading a request's body may take as long as an upload over a slow tunnel.
                    "respondingTimeouts": {"readTimeout": "600s", "writeTimeout": "0s", "idleTimeout": "180s"},
                },
                "http": {
                    # /user/a/..%2fuser/b must mean the same here and behind: nothing, so it is refused (400).
                    "sanitizePath": True,
                    "encodedCharacters": {
                        "allowEncodedSlash": False,
                        "allowEncodedBackSlash": False,
                        "allowEncodedNullCharacter": False,
                        # Names of notebooks may hold these.
                        "allowEncodedSemicolon": True,
                        "allowEncodedPercent": True,
                        "allowEncodedQuestionMark": True,
                        "allowEncodedHash": True,
                    },
                },
            },
            API: {"address": f"127.0.0.1:{runtime.traefik_api_port}"},
        },
    }


def _routers(settings: Settings) -> dict[str, Any]:
    portal = f"Host(`{settings.site.host}`)"
    person = f"HostRegexp(`^{PERSON}\\.{re.escape(settings.site.host)}$`)"
    hub_paths = "PathRegexp(`^/hub(/|$)`)"
    return {
        "sign-in": _router(f"{portal} && Path(`/hub/login`)", "hub", _DOOR, "hub-away", "through-traefik"),
        "hub": _router(f"{portal} && Path(`/hub/api/oauth2/authorize`)", "hub", _DOOR, "hub-away"),
        # No stock page ever appears: not home, token, spawn, admin, API documentation.
        "hub-pages": _router(f"{portal} && {hub_paths}", "portal", _GUARD, "to-portal"),
        "user-on-portal": _router(f"{portal} && PathRegexp(`^/user/{PERSON}(/|$)`)", "portal", _GUARD, "to-person"),
        "portal": _router(portal, "portal", _PORTAL, "portal-away"),
        # What no other route takes is told so in words, and reaches no other path of the portal.
        "nothing-here": _router("HostRegexp(`.+`)", "portal", _LAST_OF_ALL, "to-nothing"),
        "hub-on-person": _router(f"{person} && {hub_paths}", "portal", _GUARD, "to-portal"),
        # These two answer where no server runs.  Only pages are led on; what a program asks for is not found.
        "server-not-running": _router(
            f"{person} && PathRegexp(`^/user/{PERSON}(/|$)`) && {IS_PAGE}", "portal", _LAST + 1, "to-start"
        ),
        "person": _router(f"{person} && {IS_PAGE}", "portal", _LAST, "to-portal"),
        # The portal leads on from an address to its name, and answers the probe whether this browser finds such names.
        "by-address": _router("Host(`127.0.0.1`) || Host(`::1`) || Host(`0.0.0.0`)", "portal", _LAST),
        "probe": _router(f"Host(`{PROBE}.{settings.site.host}`) && Path(`/ping`)", "portal", _LAST),
        "api": {
            "rule": f"Host(`127.0.0.1`) && PathPrefix(`/{API}`)",
            "entryPoints": [API],
            "service": "api@internal",
            "middlewares": ["api-login"],
        },
    }


def _middlewares(settings: Settings, runtime: Runtime) -> dict[str, Any]:
    url = settings.site.url
    person = settings.site.person_url("${1}")
    return {
        "to-portal": {"redirectRegex": {"regex": ".*", "replacement": f"{url}/"}},
        "to-nothing": {"replacePath": {"path": "/nothing-here"}},
        # While the portal is away the hub has a page that says so.
        "portal-away": {"errors": {"status": ["502", "504"], "service": "hub", "query": "/hub/error/502"}},
        # While the hub is away the portal's own door answers in its place, in words.  503 is the hub's own word.
        "hub-away": {"errors": {"status": ["502", "504"], "service": "portal", "query": "/sign-in"}},
        # A server that has died keeps its route until the hub looks again.  The page has no power and asks for no
        # cookie.
        SERVER_GONE: {"errors": {"status": ["502", "504"], "service": "portal", "query": "/server-gone"}},
        # $1 is only ever a person id, so this leads to nobody's host but a person's.
        "to-person": {
            "redirectRegex": {
                "regex": f"^https?://[^/]+/user/({PERSON})(/.*)?$",
                "replacement": f"{person}/user/${{1}}${{2}}",
            }
        },
        "to-start": {
            "redirectRegex": {
                "regex": f"^https?://[^/]+/user/{PERSON}(?:/lab/tree/([^?&#]*))?.*$",
                "replacement": f"{url}/server?next=${{1}}",
            }
        },
        # With it the hub believes what is said of the client's address; a client's own is overwritten.
        "through-traefik": {"headers": {"customRequestHeaders": {clients.PROOF: clients.proof(runtime)}}},
        "api-login": {"basicAuth": {"users": [f"{API_USER}:{_unsalted(runtime.traefik_api_password)}"]}},
    }


def _unsalted(password: str) -> str:
    """Return a password as htpasswd's {SHA}: enough for 256 random bits, and cheap, since the hub asks often."""
    digest = hashlib.sha1(password.encode()).digest()  # noqa: S324 - nothing to guess: the password is random
    return "{SHA}" + base64.b64encode(digest).decode("ascii")


def _router(rule: str, service: str, priority: int, *middlewares: str) -> dict[str, Any]:
    router: dict[str, Any] = {"rule": rule, "entryPoints": [WEB], "service": service, "priority": priority}
    if middlewares:
        router["middlewares"] = list(middlewares)
    return router


def _service(url: str) -> dict[str, Any]:
    return {"loadBalancer": {"servers": [{"url": url}], "passHostHeader": True}}
