"""A webhook is told of runs: over TLS, where the settings say, until it has answered; and led nowhere."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from integration.reports.offices import Office, new_id
from services import Database, certificate
from swap.errors import Forbidden, Invalid, Problem
from swap.identity import Principal
from swap.notebooks import sharing
from swap.notebooks.shares import Kind, Role, Share
from swap.reports import delivering, hooks, running, runs
from swap.reports.model import Outcome
from swap.settings import Reports, Settings
from swap.supervisor import deliver


@dataclass
class Listener:
    """A host under TLS that keeps what it is told, and answers as it is told."""

    folder: Path
    name: str = "localhost"
    status: int = 204
    location: str = ""
    wait: Callable[[], Any] = lambda: None
    told: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ca, key = certificate(self.folder, self.name)
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                listener.paths.append(self.path)
                listener.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                listener.wait()
                self.send_response(listener.status)
                if listener.location:
                    self.send_header("Location", listener.location)
                self.end_headers()

            def do_GET(self) -> None:
                listener.paths.append(self.path)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.ca, key)
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)


@dataclass
class Site:
    """An office whose report has a webhook."""

    office: Office
    listener: Listener
    said: list[str] = field(default_factory=list)

    def put(self, url: str = "", by: Principal | None = None) -> None:
        url = url or f"https://{self.listener.host}/hook?secret"
        with self.office.database.engine("web").begin() as conn:
            hosts = (self.listener.host,)
            delivering.put_webhook(conn, by or self.office.person, self.office.report.id, url, hosts, self.office.now)

    def run(self, outcome: Outcome = Outcome(None)) -> None:  # noqa: B008 — a value
        office = self.office
        with office.database.engine("web").begin() as conn:
            running.run_now(conn, office.person, office.report.id, office.now, new_id)
        claimed = office.claimed()
        with office.database.engine("worker").begin() as conn:
            runs.finish(conn, claimed, outcome, office.now)

    @property
    def answer(self) -> str | None:
        """Return what the host answered last, as its person is told."""
        with self.office.database.engine("web").begin() as conn:
            found = delivering.webhook(conn, self.office.report)
        assert found is not None
        return found.answer

    def tell(self, named: tuple[str, ...] = ("127.0.0.1",), **later: float) -> int:
        """Do what `swap up` does each minute, so much later; return how often the host was told meanwhile."""
        self.office.later(**later)
        before = len(self.listener.told)
        reports = Reports(webhooks=(self.listener.host, *named), webhook_ca=self.listener.ca)
        settings = Settings(state=self.listener.folder, reports=reports)
        web = self.office.database.engine("web")
        deliver.tell(settings, web, self.said.append, lambda: self.office.now)
        return len(self.listener.told) - before


@pytest.fixture
def site(module_database: Database, tmp_path: Path) -> Iterator[Site]:
    made = Site(Office(module_database), Listener(tmp_path))
    yield made
    made.listener.close()
    with module_database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.report"))


def test_a_host_is_told_addresses_and_a_state_once_and_no_data(site: Site) -> None:
    site.put()
    site.run()
    assert [site.tell(), site.tell(hours=7)] == [1, 0]
    site.run(Outcome(None, Problem("Cell 1 of 1 failed: SecretError."), cell=1))
    assert site.tell() == 1
    assert [each["state"] for each in site.listener.told] == ["done", "failed"]
    assert set(site.listener.told[0]) == {"report", "run", "state", "period"}
    assert site.listener.told[0]["run"].startswith(f"{site.listener.told[0]['report']}/runs/")
    assert site.listener.paths[0] == "/hook?secret"
    assert "secret" not in "".join(site.said)
    assert "SecretError" not in json.dumps(site.listener.told)


def test_a_host_that_does_not_take_it_is_told_again_later_and_later(site: Site) -> None:
    site.put()
    site.run()
    site.listener.status = 503
    assert [site.tell(), site.tell(seconds=30), site.tell(seconds=31), site.tell(minutes=1)] == [1, 0, 1, 0]
    assert site.answer == "It answered 503. It is told again later."
    site.listener.status = 204
    assert [site.tell(minutes=2), site.tell(hours=7)] == [1, 0]
    assert site.answer == "It answered 204."


@pytest.mark.parametrize("status", [302, 307, 308, 404])
def test_a_redirect_is_no_answer_and_nobody_follows_it(site: Site, status: int) -> None:
    site.put()
    site.run()
    site.listener.status, site.listener.location = status, f"https://{site.listener.host}/elsewhere"
    assert [site.tell(), site.tell(hours=7)] == [1, 0]
    assert site.listener.paths == ["/hook?secret"]


def test_an_address_inside_is_not_spoken_to_unless_it_is_named(site: Site) -> None:
    site.put()
    site.run()
    assert [site.tell(named=()), site.tell(hours=7)] == [0, 0]
    assert "leads to no public address" in site.said[0]
    site.run()
    assert site.tell() == 1  # the control


def test_a_host_that_cannot_prove_its_name_is_told_nothing(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    site.listener.close()
    site.listener = Listener(folder, name="other.example")
    site.put()
    site.run()
    assert site.tell() == 0
    assert "SSLCertVerificationError" in site.said[0]


def test_a_host_that_does_not_answer_is_left_in_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "SECONDS", 1.0)
    done = threading.Event()
    site.listener.wait = lambda: done.wait(60)
    site.put()
    site.run()
    site.office.later(seconds=1)
    site.run()
    assert site.tell() == 1, "it is asked once, not for each run"
    done.set()
    site.listener.wait = lambda: None
    assert site.tell(minutes=2) == 2


def test_only_its_person_names_an_address_and_only_on_a_host_of_the_settings(site: Site) -> None:
    office = site.office
    bob = office.somebody("bob")
    with office.database.engine("web").begin() as conn:
        sharing.share(conn, office.person, office.notebook, Share(Kind.PERSON, bob.id, Role.MANAGE), office.now)
    with pytest.raises(Forbidden):
        site.put(by=bob)
    with pytest.raises(Invalid):
        site.put("https://evil.example/")
    site.run()
    assert site.tell() == 0
