"""Which host and path leads where: Traefik's configuration, as a pure function of the settings.

Closed by default.  On the portal's host only the sign-in page and the OAuth door lead to JupyterHub, and
everything else is the portal's; a person's host leads to that person's server and to nothing else; hosts
that are neither are told so, in words, by one path of the portal's.  What a page of another host asks for, but for
going there, is answered by nobody.  The public address has routes of its own, on an entry of its own: nothing of it
can be asked for without TLS, which Traefik speaks or the site's own proxies.  The hub writes a file of its own beside
ours, with the routes of each running server.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from swap.hub import clients
from swap.runtime import Runtime
from swap.settings import Address, Settings
from swap.settings.origins import PROBE

WEB = "web"
PUBLIC = "public"
"""The entry of the public address.  It speaks TLS and nothing else, or is there for the site's own proxies alone."""
PLAIN = "plain"
"""The entry that leads plain HTTP to the public address."""
API = "api"
API_USER = "hub"
HUB_FILE = "hub.toml"
"""The hub's own file in the file provider's directory."""

PERSON = "p[a-z2-7]{9}"
"""identity.PERSON_ID, as Traefik's regular expressions write it."""

IS_PAGE = "HeaderRegexp(`Accept`, `text/html`)"
"""What a browser asks for when somebody goes to an address."""

IS_FOREIGN = (
    "HeaderRegexp(`Sec-Fetch-Site`, `^(cross|same)-site$`) && !Header(`Sec-Fetch-Mode`, `websocket`)"
    " && !(Header(`Sec-Fetch-Mode`, `navigate`) && Method(`GET`))"
)
"""What a browser says of a request by a page of another host that is not merely going to an address."""

IS_PLAIN = "HeaderRegexp(`Origin`, `^http:`)"
"""What comes from a page that came without TLS, of the very same host perhaps: whoever is on the way wrote it."""

CAME_BY_TLS = (
    "HeaderRegexp(`X-Forwarded-Proto`, `^(https|wss)$`) && !HeaderRegexp(`X-Forwarded-Proto`, `^(http|ws)$|,`)"
)
"""What the site's own proxies say of what came to them over TLS; Traefik writes the header where they do not."""

PLAIN_PATH = "/not-by-tls"
"""The path at which the portal answers what did not."""

FOREIGN_PATH = "/foreign"
"""The path at which the portal answers that, on every host of ours."""

AWAY = ["502", "504"]
"""What Traefik itself answers for who does not; 503 is the hub's own word."""

SERVER_GONE = "server-gone"
"""The middleware that answers in words for a server that does not answer; hub/proxy.py puts it before each server."""

HSTS_SECONDS = 31_536_000

# Above the routes the hub writes itself, whose priority is the length of their rule.
_NOT_BY_TLS, _DOTTED, _FOREIGN, _DOOR, _GUARD, _PORTAL, _LAST, _LAST_OF_ALL = 1300, 1200, 1100, 1000, 900, 10, 2, 1


def traefik(settings: Settings, runtime: Runtime) -> dict[str, dict[str, Any]]:
    """Return the contents of Traefik's static and dynamic file."""
    routers, middlewares = _routers(settings.site.address, WEB), _middlewares(settings.site.address, WEB)
    if (public := settings.origins.address) is not None:
        routers |= _routers(public, PUBLIC) | _plain(settings, public) | _behind_proxies(settings)
        middlewares |= _middlewares(public, PUBLIC) | _for_proxies(settings)
    return {
        "static": _static(settings, runtime),
        "dynamic": {
            "http": {
                "routers": routers | _own_routers(),
                "middlewares": middlewares | _own_middlewares(runtime),
                "services": {
                    "portal": _service(runtime.web_url),
                    "hub": _service(runtime.hub_url),
                    "gateway": _service(runtime.gateway_url),
                    "portal-or-words": _or_words("portal"),
                    "hub-or-words": _or_words("hub"),
                },
            }
        },
    }


def _static(settings: Settings, runtime: Runtime) -> dict[str, Any]:
    entries = {
        WEB: _entry(f"{settings.site.bind}:{settings.site.port}", "no-hearsay"),
        API: {"address": f"127.0.0.1:{runtime.traefik_api_port}"},
    }
    origins = settings.origins
    if origins.address is not None:
        bind = f"[{origins.bind}]" if ":" in origins.bind else origins.bind
        address = f"{bind}:{origins.listens}"
        if origins.proxies:
            entry = _entry(address, "only-proxies", "no-hearsay", "no-hearsay-of-proxies", "only-tls")
            entries[PUBLIC] = {**entry, "forwardedHeaders": {"trustedIPs": list(origins.proxies)}}
        else:
            entry = _entry(address, "no-hearsay", "only-tls")
            entries[PUBLIC] = {**entry, "http": {**entry["http"], "tls": {}}}
        if origins.http_port is not None:
            entries[PLAIN] = _entry(f"{bind}:{origins.http_port}")
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "WARN", "noColor": True},
        "api": {"dashboard": False},
        "ping": {"entryPoint": API},
        "providers": {
            "providersThrottleDuration": "0s",
            "file": {"directory": str(runtime.traefik_directory), "watch": True},
        },
        "entryPoints": entries,
    }


def _entry(address: str, *middlewares: str) -> dict[str, Any]:
    """Return an entry whose every router, the hub's too, has these middlewares."""
    return {
        "address": address,
        "transport": {
            "lifeCycle": {"graceTimeOut": "1s"},
            # Reading a request's body may take as long as an upload over a slow tunnel.
            "respondingTimeouts": {"readTimeout": "600s", "writeTimeout": "0s", "idleTimeout": "180s"},
        },
        "http": {
            "middlewares": [f"{name}@file" for name in middlewares],
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
    }


def _routers(address: Address, entry: str) -> dict[str, Any]:
    """Return the routers of one address, on its own entry."""
    portal = f"Host(`{address.host}`)"
    person = f"HostRegexp(`^{PERSON}\\.{re.escape(address.host)}$`)"
    ours = f"HostRegexp(`^(.+\\.)?{re.escape(address.host)}$`)"
    dotted = f"HostRegexp(`^(.+\\.)?{re.escape(address.host)}\\.$`)"
    hub_paths = "PathRegexp(`^/hub(/|$)`)"
    door = "Path(`/hub/api/oauth2/authorize`)"
    probe = f"Host(`{PROBE}.{address.host}`) && Path(`/ping`)"
    content = f"Host(`{address.content_host}`) && (Method(`GET`) || Method(`HEAD`))"

    def router(rule: str, service: str, priority: int, *middlewares: str) -> dict[str, Any]:
        return _router(entry, rule, service, priority, *middlewares)

    foreign = f"({IS_FOREIGN} || {IS_PLAIN})" if address.tls else IS_FOREIGN
    made = {
        # With a dot behind it a name is another host to browsers and to SWAP, and the same one to Traefik's `Host`.
        "dotted": router(dotted, "portal", _DOTTED, "to-nothing"),
        # A page of any other host, a neighbour's too, may lead here and do nothing else: under TLS browsers send
        # cookies along with what it asks for.  Servers judge WebSockets themselves, by their Origin.
        "foreign": router(f"{ours} && {foreign} && !({probe}) && !({content})", "portal", _FOREIGN, "to-foreign"),
        "sign-in": router(f"{portal} && Path(`/hub/login`)", "hub", _DOOR, "hub-away", "through-traefik"),
        "hub": router(f"{portal} && {door}", "hub", _DOOR, "hub-away"),
        # A person's server sends its person here, wherever they came from: it knows no address of the portal's.
        "hub-from-person": router(f"{person} && {door}", "portal", _DOOR, _at(entry, "to-door")),
        # No stock page ever appears: not home, token, spawn, admin, API documentation.
        "hub-pages": router(f"{portal} && {hub_paths}", "portal", _GUARD, _at(entry, "to-portal")),
        "user-on-portal": router(
            f"{portal} && PathRegexp(`^/user/{PERSON}(/|$)`)", "portal", _GUARD, _at(entry, "to-person")
        ),
        "portal": router(portal, "portal", _PORTAL, "portal-away"),
        # What no other route takes is told so in words, and reaches no other path of the portal.
        "nothing-here": router("HostRegexp(`.+`)", "portal", _LAST_OF_ALL, "to-nothing"),
        "hub-on-person": router(f"{person} && {hub_paths}", "portal", _GUARD, _at(entry, "to-portal")),
        # These two answer where no server runs.  Only pages are led on; what a program asks for is not found.
        "server-not-running": router(
            f"{person} && PathRegexp(`^/user/{PERSON}(/|$)`) && {IS_PAGE}", "portal", _LAST + 1, _at(entry, "to-start")
        ),
        "person": router(f"{person} && {IS_PAGE}", "portal", _LAST, _at(entry, "to-portal")),
        # What is shown there has no origin, so to browsers all that it asks for is another site's.  There is no cookie
        # on that host, and each address says by itself what it opens and until when.
        "content": router(content, "portal", _LAST),
        # The portal answers the probe whether this browser finds such names.
        "probe": router(probe, "portal", _LAST),
    }
    return {_at(entry, name): each for name, each in made.items()}


def _own_routers() -> dict[str, Any]:
    """Return the routers that are of no address's."""
    return {
        # The portal leads on from an address to its name.
        "by-address": _router(WEB, "Host(`127.0.0.1`) || Host(`::1`) || Host(`0.0.0.0`)", "portal", _LAST),
        "api": {
            "rule": f"Host(`127.0.0.1`) && PathPrefix(`/{API}`)",
            "entryPoints": [API],
            "service": "api@internal",
            "middlewares": ["api-login"],
        },
    }


def _plain(settings: Settings, public: Address) -> dict[str, Any]:
    """Return the router that leads plain HTTP to the public address, where settings tell so."""
    if settings.origins.http_port is None:
        return {}
    ours = f"HostRegexp(`^({PERSON}\\.)?{re.escape(public.host)}$`)"
    return {"to-tls": _router(PLAIN, ours, "portal", _PORTAL, "to-tls")}


def _behind_proxies(settings: Settings) -> dict[str, Any]:
    """Return the router before all others for what the site's own proxies did not get over TLS, where there are any."""
    if not settings.origins.proxies:
        return {}
    # The rule names a host as all others do, for a request without one.
    return {"not-by-tls": _router(PUBLIC, f"HostRegexp(`.*`) && !({CAME_BY_TLS})", "portal", _NOT_BY_TLS, "to-plain")}


def _for_proxies(settings: Settings) -> dict[str, Any]:
    """Return the middlewares of the entry on which the site's own proxies are answered, where there are any."""
    if not settings.origins.proxies:
        return {}
    # Of what proxies may pass on, how and for whom a request came is theirs to say, and nothing else.
    unsaid = ("X-Real-Ip", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server")
    return {
        "only-proxies": {"ipAllowList": {"sourceRange": list(settings.origins.proxies)}},
        "no-hearsay-of-proxies": {"headers": {"customRequestHeaders": dict.fromkeys(unsaid, "")}},
        "to-plain": {"replacePath": {"path": PLAIN_PATH}},
    }


def _middlewares(address: Address, entry: str) -> dict[str, Any]:
    """Return the middlewares that lead to one address."""
    url = address.url
    # $1 is only ever a person id, so this leads to nobody's host but a person's.
    person = address.person_url("${1}")
    made = {
        "to-portal": _redirect(".*", f"{url}/"),
        "to-person": _redirect(f"^https?://[^/]+/user/({PERSON})(/.*)?$", f"{person}/user/${{1}}${{2}}"),
        "to-start": _redirect(f"^https?://[^/]+/user/{PERSON}(?:/lab/tree/([^?&#]*))?.*$", f"{url}/server?next=${{1}}"),
        "to-door": _redirect("^https?://[^/]+/hub/api/oauth2/authorize(.*)$", f"{url}/hub/api/oauth2/authorize${{1}}"),
    }
    if entry == PUBLIC:
        plain = f"^http://({PERSON}\\.)?{re.escape(address.host)}(?::[0-9]+)?(/.*)?$"
        to_tls = _redirect(plain, f"{address.person_url('${1}').replace('${1}.', '${1}', 1)}${{2}}")
        # The host below is ours alone, so its names may be held to TLS with it.
        tls = {"stsSeconds": HSTS_SECONDS, "stsIncludeSubdomains": True, "forceSTSHeader": True}
        return {_at(entry, name): each for name, each in made.items()} | {
            "to-tls": to_tls,
            "only-tls": {"headers": tls},
        }
    return made


def _own_middlewares(runtime: Runtime) -> dict[str, Any]:
    """Return the middlewares that are of no address's."""
    return {
        "to-nothing": {"replacePath": {"path": "/nothing-here"}},
        "to-foreign": {"replacePath": {"path": FOREIGN_PATH}},
        # Traefik says itself where a request came from and how, in headers of its own; these it would pass on.
        "no-hearsay": {"headers": {"customRequestHeaders": {"Forwarded": "", "X-Scheme": ""}}},
        # While the portal is away the hub has a page that says so, and the gateway one while both are.
        "portal-away": {"errors": {"status": AWAY, "service": "hub-or-words", "query": "/hub/error/502"}},
        # While the hub is away the portal's own door answers in its place, in words.
        "hub-away": {"errors": {"status": AWAY, "service": "portal-or-words", "query": "/sign-in"}},
        # A server that has died keeps its route until the hub looks again.  The page has no power and asks for no
        # cookie.
        SERVER_GONE: {"errors": {"status": AWAY, "service": "portal", "query": "/server-gone"}},
        # With it the hub believes what is said of the client's address; a client's own is overwritten.
        "through-traefik": {"headers": {"customRequestHeaders": {clients.PROOF: clients.proof(runtime)}}},
        "api-login": {"basicAuth": {"users": [f"{API_USER}:{_unsalted(runtime.traefik_api_password)}"]}},
    }


def _redirect(regex: str, replacement: str) -> dict[str, Any]:
    return {"redirectRegex": {"regex": regex, "replacement": replacement}}


def _at(entry: str, name: str) -> str:
    """Return the name of a router or middleware of one address: the plain one for the tunnel's."""
    return name if entry == WEB else f"{name}-{entry}"


def _unsalted(password: str) -> str:
    """Return a password as htpasswd's {SHA}: enough for 256 random bits, and cheap, since the hub asks often."""
    digest = hashlib.sha1(password.encode()).digest()  # noqa: S324 - nothing to guess: the password is random
    return "{SHA}" + base64.b64encode(digest).decode("ascii")


def _router(entry: str, rule: str, service: str, priority: int, *middlewares: str) -> dict[str, Any]:
    router: dict[str, Any] = {"rule": rule, "entryPoints": [entry], "service": service, "priority": priority}
    if middlewares:
        router["middlewares"] = list(middlewares)
    return router


def _or_words(service: str) -> dict[str, Any]:
    """Return a service, and the gateway's page in words where it does not answer."""
    return {"failover": {"service": service, "fallback": "gateway", "errors": {"status": AWAY}}}


def _service(url: str) -> dict[str, Any]:
    return {"loadBalancer": {"servers": [{"url": url}], "passHostHeader": True}}
