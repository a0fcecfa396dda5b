"""Doubles that speak the hub's and the gateway's HTTP, so that the portal can be tested without their processes.

They are strict where the real ones are: codes are used once, PKCE is demanded, tokens are verified.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from swap.errors import NotSignedIn
from swap.identity import Via
from swap.launch.start import Begun, Failure, Step, failure_data, step_event
from swap.people import tokens

STEPS = tuple(step for step in Step if step is not Step.TURN)
PIDS = {Step.ANSWER: 4711}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are written apart: on a kept connection the second would wait 40 ms for word of the first.
    disable_nagle_algorithm = True
    double: Any

    def log_message(self, *_: Any) -> None:
        pass

    def _any(self) -> None:
        if self.double.closed:  # a kept connection to a process that is gone
            self.close_connection = True
            self.connection.close()
            return
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        split = urlsplit(self.path)
        self.double.requests.append(f"{self.command} {split.path}")
        self.double.answer(self, self.command, split.path, parse_qs(split.query), body)

    do_GET = do_POST = do_DELETE = _any  # noqa: N815 - the library's names

    def json(self, value: Any, status: int = 200) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def stream(self, events: Iterator[dict[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for event in events:
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    """As many connections may wait as at a real one; at five, those of twenty requests at once would be dropped."""


class Double:
    def __init__(self) -> None:
        self.requests: list[str] = []
        self.closed = False
        handler = type("Bound", (Handler,), {"double": self})
        self.server = Server(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


class HubDouble(Double):
    """JupyterHub's API as the portal uses it."""

    def __init__(self, service_token: str) -> None:
        self.service_token = service_token
        self.codes: dict[str, tuple[str, str]] = {}
        self.tokens: dict[str, str] = {}
        self.state: dict[str, str] = {}
        self.active_at: dict[str, str] = {}
        self.step_seconds = 0.05
        self.failure: str | None = None
        self.ahead: int | None = None
        self.requires_pkce = True
        self._changed = threading.Condition()
        super().__init__()

    def authorise(self, query: dict[str, list[str]], person_id: str) -> str:
        """What the hub does when the signed-in person's browser comes to it: the code to go back with."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = (person_id, query.get("code_challenge", [""])[0])
        return code

    def answer(self, to: Handler, method: str, path: str, query: Any, body: bytes) -> None:
        del query
        if path in {"/hub/api", "/hub/api/"}:
            return to.json({"version": "6.1.1"})
        if path == "/hub/api/oauth2/token":
            return self._token(to, {key: value[0] for key, value in parse_qs(body.decode()).items()})
        bearer = to.headers.get("authorization", "").removeprefix("Bearer ")
        if path == "/hub/api/user":
            return (
                to.json({"name": self.tokens[bearer]})
                if bearer in self.tokens
                else to.json({"message": "Forbidden"}, 403)
            )
        if bearer != self.service_token:
            return to.json({"message": "Forbidden"}, 403)
        person_id, _, rest = path.removeprefix("/hub/api/users/").partition("/")
        return self._user(to, method, person_id, rest)

    def _token(self, to: Handler, form: dict[str, str]) -> None:
        person_id, challenge = self.codes.pop(form.get("code", ""), ("", ""))
        verifier = form.get("code_verifier", "")
        proof = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        wrong = (
            not person_id
            or form.get("client_secret") != self.service_token
            or form.get("redirect_uri") != "/oauth_callback"
        )
        if wrong or (self.requires_pkce and (not challenge or challenge != proof)):
            return to.json({"error": "invalid_grant"}, 400)
        token = secrets.token_hex(16)
        self.tokens[token] = person_id
        return to.json({"access_token": token, "token_type": "Bearer"})

    def _user(self, to: Handler, method: str, person_id: str, rest: str) -> None:
        state = self.state.get(person_id, "stopped")
        if method == "GET" and rest == "":
            servers = {
                "": {
                    "ready": state == "running",
                    "pending": {"starting": "spawn", "stopping": "stop"}.get(state),
                    "last_activity": self.active_at.get(person_id),
                }
            }
            return to.json({"name": person_id, "servers": {} if state == "stopped" else servers})
        if method == "POST" and rest == "server":
            if state == "running":
                return to.json({"message": f"{person_id} is already running"}, 400)
            self._set(person_id, "starting")
            threading.Thread(target=self._start, args=(person_id,), daemon=True).start()
            return to.json({}, 202)
        if method == "DELETE" and rest == "server":
            self._set(person_id, "stopped")
            return to.json({}, 202)
        if method == "GET" and rest == "server/progress":
            if state == "stopped" and self.failure is None:
                return to.json({"message": "is not starting"}, 400)
            return to.stream(self._progress(person_id))
        return to.json({"message": "no such thing"}, 404)

    def _set(self, person_id: str, state: str) -> None:
        with self._changed:
            self.state[person_id] = state
            self._changed.notify_all()

    def waits(self, ahead: int | None) -> None:
        """Let starts wait behind so many others; None is their turn."""
        with self._changed:
            self.ahead = ahead
            self._changed.notify_all()

    def _start(self, person_id: str) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self.ahead is None)
        time.sleep(self.step_seconds * len(STEPS))
        if self.state[person_id] == "starting":
            self._set(person_id, "stopped" if self.failure else "running")

    def _progress(self, person_id: str) -> Iterator[dict[str, Any]]:
        yield {"progress": 0, "message": "Server requested"}
        while (ahead := self.ahead) is not None:
            yield step_event(Begun(Step.TURN, 0.0, ahead=ahead))
            with self._changed:
                self._changed.wait_for(lambda told=ahead: self.ahead != told)
        for step in STEPS:
            yield step_event(Begun(step, 0.0, PIDS.get(step)))
            with self._changed:
                self._changed.wait_for(lambda: self.state[person_id] != "starting", self.step_seconds)
            if self.failure and step is Step.ANSWER:
                break
        with self._changed:
            self._changed.wait_for(lambda: self.state[person_id] != "starting", 5)
        if self.state[person_id] == "running":
            yield {"progress": 100, "ready": True, "message": "ready", "url": f"/user/{person_id}/"}
        else:
            told = {"html_message": failure_data(Failure(self.failure, "line 1\nline 2"))} if self.failure else {}
            yield {"progress": 100, "failed": True, "message": "Spawn failed: in the hub's words"} | told


def column(name: str, type_: str, comment: str = "", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": type_,
        "comment": comment,
        "partition": False,
        "readable": True,
        "rule": None,
        "because": None,
        "ask": None,
        "sensitivity": "",
    } | more


LOCK = {
    "readable": False,
    "rule": "below-country",
    "because": "locks places smaller than a country",
    "ask": "data-privacy",
}
PAGEVIEWS = {
    "name": "lake.wmf.pageview_hourly",
    "comment": "Views of pages, one row for each hour and combination of the columns below",
    "owner": "data-platform",
    "rows": 412_600,
    "bytes": 18_200_000,
    "newest": "22 November",
    "rows_exact": True,
    "partitions": ["year", "month", "day", "hour"],
    "divided": {
        "keys": ["year", "month", "day"],
        "finer": "hour",
        "count": 24 * 7 + 14,
        "newest": [
            {
                "values": ["2026", "11", str(day)],
                "parts": 14 if day == 19 else 24,
                "rows": 100 * day,
                "exact": day != 18,
            }
            for day in range(22, 14, -1)
        ],
    },
    "columns": [
        column("project", "text", "Project without “.org”, like en.wikipedia"),
        column("page_title", "text", "Title with underscores"),
        column("access_method", "text", "desktop, mobile web or mobile app"),
        column("referer_class", "text"),
        column("country", "text", "English name of the country", sensitivity="location"),
        column("subdivision", "text", "State or province", sensitivity="location", **LOCK),
        column("city", "text", "City", sensitivity="location", **LOCK),
        column("view_count", "bigint", "Number of views"),
        column("page_id", "bigint", "Joins to mediawiki.*.page.page_id"),
        column("year", "integer", partition=True),
        column("month", "integer", partition=True),
        column("day", "integer", partition=True),
    ],
    "changes": [
        {"at": "2026-11-20T09:00:00+00:00", "column": "page_id", "what": "retyped", "was": "integer", "now": "bigint"},
        {"at": "2026-11-10T09:00:00+00:00", "column": "is_<bot>", "what": "gone", "was": "boolean", "now": None},
    ],
}
LOCKED = {
    "name": "lake.wmf.webrequest",
    "comment": "Every request to the sites, 90 days",
    "owner": "data-platform",
    "rows": 61_000_000_000,
    "bytes": 44_700_000_000_000,
    "rows_exact": False,
    "newest": "",
    "partitions": [],
    "divided": None,
    "columns": [column("ip", "text", sensitivity="personal", **(LOCK | {"rule": "personal-data"}))],
}
EMPTY = {
    "name": "lake.event.nothing",
    "comment": "",
    "owner": "",
    "rows": 0,
    "bytes": 0,
    "rows_exact": False,
    "newest": "",
    "partitions": [],
    "divided": None,
    "columns": [column("a", "text")],
}
AIRPORTS = {
    "name": "mediawiki.nyc.airports",
    "comment": "Airports",
    "owner": "dba",
    "rows": 1458,
    "bytes": 96_000,
    "rows_exact": False,
    "newest": "",
    "partitions": [],
    "divided": None,
    "columns": [column("faa", "text", "Code"), column("name", "text", "Name")],
}
TABLES = {table["name"]: table for table in (PAGEVIEWS, LOCKED, EMPTY, AIRPORTS)}
ROWS = [
    ["en.wikipedia", "Main_Page", "desktop", "none", "Germany", "41207", "15580374", "2026", "11", "22"],
    ["ar.wikipedia", "القمر", "mobile web", None, "Egypt", "154", "5301", "2026", "11", "22"],
    ["fr.wikipedia", "", "mobile web", "internal", "France", "212", None, "2026", "11", "22"],
]


def _parts(table: dict[str, Any]) -> tuple[str, ...]:
    return table["source"], table["schema"], table["table"]


def _counted(tables: list[dict[str, Any]]) -> dict[str, int]:
    return {"visible": len(tables), "readable": sum(table["readable"] for table in tables)}


class GatewayDouble(Double):
    """The gateway's API as the portal uses it.  Verifies the portal's tokens as the real one does."""

    def __init__(self, portal_key: str) -> None:
        self.portal_key = portal_key
        self.statements: list[str] = []
        self.claims: list[tokens.Claims] = []
        self.tables: dict[str, dict[str, Any]] = dict(TABLES)
        self.changed: dict[str, str] = {}
        """When a table changed last."""
        self.down: set[str] = set()
        self.servers: dict[str, list[dict[str, Any]]] = {}
        self.failure: dict[str, Any] | None = None
        self.run_seconds = 0.0
        self.gate: threading.Event | None = None
        """Holds every run that is asked about while it is there, until it is set."""
        self.cancelled: list[str] = []
        self.page_size = 100
        super().__init__()

    def answer(self, to: Handler, method: str, path: str, query: Any, body: bytes) -> None:
        try:
            claims = tokens.verify(
                {Via.PORTAL: self.portal_key},
                to.headers.get("authorization", "").removeprefix("Bearer "),
                datetime.now(UTC),
            )
        except NotSignedIn as error:
            return to.json({"error": {"category": "not-signed-in", "title": str(error)}}, 401)
        self.claims.append(claims)
        if path == "/v1/catalog":
            return to.json({"sources": self._sources(fresh=query.get("fresh") == ["true"])})
        if path == "/v1/catalog/schemas":
            return to.json({"schemas": self._schemas(query["source"][0])})
        if path == "/v1/catalog/find":
            wanted = [tuple(name.split("/")) for name in query["name"]]
            tables = [each for each in self._listed() if _parts(each) in wanted]
            if query.get("changed") == ["true"]:
                tables = [each | {"changed_at": self.changed.get(".".join(_parts(each)))} for each in tables]
            return to.json({"tables": tables})
        if path == "/v1/catalog/tables":
            return to.json(self._tables({key: values[0] for key, values in query.items()}))
        if path.startswith("/v1/catalog/"):
            table = self.tables.get(".".join(path.removeprefix("/v1/catalog/").split("/")))
            return (
                to.json(dict(zip(("source", "schema", "table"), table["name"].split("."), strict=True)) | table)
                if table
                else to.json({"error": {"category": "not-found", "title": "There is no such table."}}, 404)
            )
        if method == "POST" and path == "/v1/queries":
            self.statements.append(json.loads(body)["statement"])
            return to.json({"id": f"q{len(self.statements)}"}, 202)
        if method == "DELETE":
            self.cancelled.append(path.rsplit("/", 1)[-1])
            return to.json({"state": "cancelled"})
        if path.endswith("/page"):
            return to.json(self._page())
        time.sleep(self.run_seconds)
        if self.gate is not None:
            self.gate.wait(60)
        state = {"state": "failed", "error": self.failure} if self.failure else {"state": "done", "error": None}
        return to.json({"id": path.rsplit("/", 1)[-1], "revision": 2} | state)

    def _listed(self) -> list[dict[str, Any]]:
        return [
            {
                **dict(zip(("source", "schema", "table"), table["name"].split("."), strict=True)),
                "comment": table["comment"],
                "rows": table["rows"],
                "rows_exact": table["rows_exact"],
                "bytes": table["bytes"],
                "newest": table["newest"],
                "readable": any(item["readable"] for item in table["columns"]),
                "rule": table["columns"][0]["rule"],
                "ask": table["columns"][0]["ask"],
            }
            for table in sorted(self.tables.values(), key=lambda table: str(table["name"]))
        ]

    def _tables(self, wanted: dict[str, str]) -> dict[str, Any]:
        all_ = [
            each
            for each in self._listed()
            if wanted.get("source") in {None, "", each["source"]} and wanted.get("schema") in {None, "", each["schema"]}
        ]
        words = wanted.get("text", "").lower().split()

        def matching(each: dict[str, Any], word: str) -> list[str]:
            columns = self.tables[".".join(_parts(each))]["columns"] if wanted.get("columns") == "true" else []
            return [column["name"] for column in columns if word in column["name"]]

        count = [
            each
            for each in all_
            if all(
                word in f"{'.'.join(_parts(each))} {each['comment']}".lower() or matching(each, word) for word in words
            )
            and wanted.get("readable") in {None, str(each["readable"]).lower()}
        ]
        if wanted.get("columns"):
            count = [
                each | {"matched": [name for word in words for name in matching(each, word)][:3]} for each in count
            ]
        start = int(wanted.get("after") or 0)
        limit = min(self.page_size, int(wanted.get("limit", 100)))
        more = len(count) > start + limit
        return {
            "tables": count[start : start + limit],
            "after": str(start + limit) if more else "",
            "count": _counted(count),
        }

    def _schemas(self, source: str) -> list[dict[str, Any]]:
        own = [each for each in self._listed() if each["source"] == source]
        names = sorted({each["schema"] for each in own})
        return [{"name": name, **_counted([each for each in own if each["schema"] == name])} for name in names]

    def _sources(self, *, fresh: bool = False) -> list[dict[str, Any]]:
        note = "Name a day: tables are kept by year, month, day and hour."
        sources = []
        for name, kind, title, owner, said in (
            ("lake", "files", "Parquet files", "data-platform", note),
            ("mediawiki", "postgres", "PostgreSQL", "dba", ""),
        ):
            own = [table for table in self._listed() if table["source"] == name]
            if own:
                sources.append(
                    {
                        "name": name,
                        "kind": kind,
                        "title": title,
                        "owner": owner,
                        "note": said,
                        "up": name not in self.down,
                        "since": "2026-11-24T09:12:00+00:00",
                        "tables": _counted(own),
                        "newest": "2026-11-22 13:00" if name == "lake" and fresh else "",
                        "harvested_at": "2026-11-24T09:30:00+00:00",
                        "servers": self.servers.get(name, []),
                    }
                )
        return sources

    def _page(self) -> dict[str, Any]:
        if "nothing" in self.statements[-1]:
            return {
                "columns": [{"name": "a", "type": "text", "align": "left", "group": False}],
                "rows": [],
                "offset": 0,
                "total": 0,
            }
        numbers = {"view_count", "page_id", "year", "month", "day"}
        columns = [
            {
                "name": item["name"],
                "type": item["type"],
                "align": "right" if item["name"] in numbers else "left",
                "group": item["name"] == "view_count",
            }
            for item in PAGEVIEWS["columns"]
            if item["readable"]
        ]
        return {"columns": columns, "rows": ROWS, "offset": 0, "total": len(ROWS)}


@contextmanager
def closing(double: Any) -> Iterator[Any]:
    try:
        yield double
    finally:
        double.close()
