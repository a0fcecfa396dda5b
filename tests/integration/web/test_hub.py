"""What the portal asks of the hub, of a hub that takes its time."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from swap.web import hub
from swap.web.hub import Grant, Hub, ServerKind, Told

PERSON = "pannaaaaaa"


def test_a_sign_in_waits_for_a_busy_hub_though_a_page_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "QUICK", httpx.Timeout(0.05))
    goes_on = threading.Event()

    class Busy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            goes_on.wait(60)
            body = json.dumps({"access_token": "t", "name": PERSON}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 — the name that http.server asks for

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server, ThreadPoolExecutor(1) as pool:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asked = Hub(f"http://127.0.0.1:{server.server_address[1]}", "token")
        exchanged = pool.submit(asked.exchange, "code", "verifier")
        assert asked.server(PERSON) == Told(ServerKind.UNKNOWN)
        goes_on.set()

        assert exchanged.result(60) == Grant(PERSON)
        asked._sync.close()
        server.shutdown()
