"""What people asked, read and carried is in no log, whatever failed: canaries go through every failure, then all logs
of the site are searched."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import services
from integration.hub.conftest import House, build, demolish
from swap import settings as settings_module
from swap.db import roles
from swap.db.embedded import EmbeddedPostgres
from swap.identity import Via
from swap.people import service as people
from swap.people import tokens

SOURCES = """
[sources.lake]
kind = "files"
root = "lake"
[sources.wiki]
kind = "postgres"
host = "127.0.0.1"
port = {port}
database = "{database}"
user = "logs_reader"
password = {{ file = "reader" }}
sslmode = "disable"
[[policy.grants]]
name = "all"
groups = ["analysts"]
on = ["lake", "wiki"]
[policy]
ask = "nobody"
"""
TABLES = """
CREATE SCHEMA app;
CREATE TABLE app.texts (id bigint PRIMARY KEY, text text);
INSERT INTO app.texts VALUES (1, 'canary-row-of-postgres');
CREATE VIEW app.numbers AS SELECT id, text::integer AS number FROM app.texts;
DO $$ BEGIN CREATE ROLE logs_reader LOGIN PASSWORD 'reader-secret';
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT USAGE ON SCHEMA app TO logs_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO logs_reader;
"""
CANARY = "canary-"
"""What each planted value begins with."""
CREDENTIAL = "canary-of-a-server-credential-0123456789abcdef"
AS_SERVER = {"Authorization": f"Bearer {CREDENTIAL}"}


class Site:
    """A house with sources, one person who is signed in, and what must not be found."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.browser = house.sign_in("ann")
        self.person_id = house.person_id("ann")
        self.host = f"{self.person_id}.localhost"
        self.token = self._token()
        self.gateway = httpx.Client(
            base_url=house.runtime.gateway_url,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
            verify=services.NO_TLS,
        )

    def _token(self) -> str:
        now = datetime.now(UTC)
        with self.house.database.engine().begin() as conn:
            people.launch_server(conn, self.person_id, "s-of-a-test", CREDENTIAL, now)
            epoch = people.access(conn, self.person_id, now).epoch
        return tokens.mint(
            self.house.runtime.kernel_key,
            person_id=self.person_id,
            via=Via.KERNEL,
            epoch=epoch,
            server_id="s-of-a-test",
            kernel_id="k1",
            now=now,
            seconds=600,
        ).value

    def ask(self, statement: str, **more: object) -> dict:
        """Run a statement to its end, or to its refusal."""
        answer = self.gateway.post("/v1/queries", json={"statement": statement, "wait": 10, **more}).json()
        if "id" not in answer:
            return answer
        while answer["state"]["state"] not in {"done", "failed", "cancelled"}:
            revision = answer["state"]["revision"]
            answer["state"] = self.gateway.get(f"/v1/queries/{answer['id']}", params={"after": revision}).json()
        return answer

    def mark(self) -> None:
        """From here on logs are searched."""
        self.marks = {name: len(text) for name, text in self._all().items()}

    def logs(self) -> dict[str, str]:
        return {name: text[self.marks.get(name, 0) :] for name, text in self._all().items()}

    def _all(self) -> dict[str, str]:
        found = {path.name: path.read_text(errors="replace") for path in (self.house.state / "logs").glob("*.log")}
        return found | {"postgres.log": self.house.database.server.log.read_text(errors="replace")}

    def secrets(self) -> set[str]:
        """Return what only a browser or a server holds."""
        cookies = {value for jar in self.browser.cookies.values() for value in jar.values() if len(value) > 8}
        return {self.token, self.token.rpartition(".")[2], CREDENTIAL, *cookies}

    def leaks(self) -> dict[str, list[str]]:
        """Return log → the lines in which there is something that must not be there."""
        secrets = self.secrets()
        return {
            name: lines
            for name, text in self.logs().items()
            if (lines := [line for line in text.splitlines() if CANARY in line or any(s in line for s in secrets)])
        }


@pytest.fixture(scope="module")
def site(embedded_postgres: EmbeddedPostgres) -> Iterator[Site]:
    made = build(embedded_postgres, names=("ann",))
    with embedded_postgres.administrator(made.database.name) as conn:
        conn.execute(TABLES.encode())
    place = made.state / "lake" / "raw" / "events"
    place.mkdir(parents=True)
    rows = pa.table({"event": [{"ip": "canary-row-of-files"}] * 3, "text": ["canary-text-of-files"] * 3})
    pq.write_table(rows, place / "part.parquet")
    (made.state / "reader").write_text("reader-secret")
    (made.state / "reader").chmod(0o600)
    config = made.state / "swap.toml"
    config.write_text(config.read_text() + SOURCES.format(port=embedded_postgres.port, database=made.database.name))
    made.settings = settings_module.load(config)
    try:
        made.start("traefik")
        made.start("gateway", "web", "hub")
        site = Site(made)
        with site.gateway:
            yield site
    finally:
        demolish(made)


@pytest.fixture(autouse=True)
def _(site: Site) -> None:
    site.mark()


def quiet(site: Site, *told: str) -> None:
    """Nothing of it is in a log, although the logs have the failures."""
    text = "\n".join(site.logs().values())
    assert all(each in text for each in told), text[-6000:]
    assert site.leaks() == {}


def test_a_column_that_cannot_be_sorted_is_refused_and_not_printed(site: Site) -> None:
    answer = site.ask("SELECT event, text FROM lake.raw.events")
    assert answer["state"]["state"] == "done", answer
    for column in ("event", "canary-column"):
        page = site.gateway.get(f"/v1/queries/{answer['id']}/page", params={"sort": column})
        assert page.status_code == 400, page.text
        assert page.json()["error"]["title"]
    quiet(site)


def test_statements_that_fail_leave_no_word_of_theirs(site: Site) -> None:
    """The person is told the value in their own cell, and nobody else."""
    cast = site.ask("SELECT CAST(text AS integer) FROM lake.raw.events")
    assert "canary-text-of-files" in json.dumps(cast["state"]["error"])
    for statement in (
        "SELECT CAST('canary-literal' AS integer)",
        "SELECT 'canary-literal' + 1",
        'SELECT "canary-name" FROM lake.raw.events',
        "SELECT no_such_function('canary-literal')",
        "SELECT 'canary-literal",
        "DELETE FROM lake.raw.events WHERE text = 'canary-literal'",
        "SELECT * FROM lake.raw.canary_table",
        "SELECT regexp_extract('x', '(canary-literal')",
        "SELECT strptime('canary-literal', '%Y')",
        "SELECT json_extract('canary-literal', '$.x') FROM lake.raw.events",
        "SELECT 'canary-literal\0'",
        "SELECT 'canary-literal\ud800'",
    ):
        sent = json.dumps({"statement": statement, "wait": 10})
        answer = site.gateway.post("/v1/queries", content=sent, headers={"Content-Type": "application/json"})
        assert answer.status_code < 500, (statement, answer.text)
    for params in ({"x": {"canary-key": 1}}, {"x": "canary-parameter"}, {"canary-unused": [object.__name__]}):
        site.ask("SELECT CAST($x AS integer)", params=params)
    quiet(site)


def test_a_source_that_quotes_a_value_is_not_repeated(site: Site) -> None:
    answer = site.ask("SELECT number FROM wiki.app.numbers WHERE id >= 1")
    assert answer["state"]["state"] == "failed", answer
    assert CANARY not in json.dumps(answer["state"]["error"]), "it may be a value that is closed to this person"
    site.ask("SELECT text FROM wiki.app.texts WHERE text = 'canary-literal-pushed-down'")
    quiet(site, "22P02")


@pytest.mark.parametrize("query_id", ["q%00", "canary-id", "canary-id%00", "%ff", "q" * 5000, "q%F0%9F%A6%86"])
def test_a_bad_id_is_not_found_in_our_words(site: Site, query_id: str) -> None:
    for path in ("", "/page", "/result", "/download"):
        answer = site.gateway.get(f"/v1/queries/{query_id}{path}")
        assert answer.status_code == 404, answer.text
        assert "query" in answer.json()["error"]["title"]
    assert site.gateway.delete(f"/v1/queries/{query_id}").status_code == 404
    quiet(site)


def test_names_that_no_database_can_hold_are_answered_in_our_words(site: Site) -> None:
    for path in (
        "/v1/catalog/lake/canary%00/x",
        "/v1/catalog/lake/raw/canary-table%00",
        "/v1/catalog/tables?text=canary%00",
        "/v1/catalog/schemas?source=canary%00",
        "/v1/catalog/find?name=canary%00",
    ):
        answer = site.gateway.get(path)
        assert answer.status_code < 500, (path, answer.text)
    for path in ("/data/lake/canary%00/x", "/data?q=canary%00", "/help/canary%00", "/notebooks/canary%00"):
        assert site.browser.get(path).status_code < 500, path
    quiet(site)


def test_uploads_that_are_no_tables_are_not_repeated(site: Site) -> None:
    whole = pa.BufferOutputStream()
    with pa.ipc.new_stream(whole, pa.schema([("canary-column", pa.string())])) as writer:
        writer.write_table(pa.table({"canary-column": ["canary-value"] * 100}))
    stream = whole.getvalue().to_pybytes()
    for body in (
        b"canary-upload",
        b"canary-upload" * 10_000,
        stream[:-40],
        stream[:60] + b"canary-inside" + stream[60:],
    ):
        assert site.gateway.post("/v1/uploads", content=body).status_code < 500
    quiet(site)


def test_what_is_no_sign_in_leaves_no_trace_of_what_was_typed(site: Site) -> None:
    browser = site.house.browser()
    browser.sign_in("ann", "canary-password")
    browser.sign_in("ann", "canary-password\0")
    browser.sign_in("ann", "canary-password" * 10_000)
    browser.post("/hub/login", data={"username": "ann", "password": "canary-password"})
    browser.post("/hub/login", content=b"username=ann&password=canary-password%ff%00&_xsrf=canary-xsrf")
    for path in (
        "/oauth_callback?code=canary-code&state=canary-state",
        "/hub/login?next=/hub/api/oauth2/authorize%3Fstate%3Dcanary-state",
        "/hub/api/oauth2/authorize?client_id=canary&response_type=code&state=canary-state&redirect_uri=/canary-uri",
        "/hub/api/oauth2/authorize?client_id=service-portal&response_type=code&state=canary-state",
        "/sign-in?next=/data%3Fq%3Dcanary-search",
        "/no-such-page?q=canary-search",
    ):
        browser.get(
            path, headers={"Cookie": "swap_session=canary-cookie", "Referer": "http://localhost/?canary-referer"}
        )
        browser.get(path)
    quiet(site, "/hub/login")


def test_tokens_and_cookies_that_are_refused_are_not_written_down(site: Site) -> None:
    hub = site.house.hub_api()
    header, claims, signature = site.token.split(".")
    for value in ("canary-token", f"{header}.{claims}.canary-{signature}", f"canary-{'x' * 30_000}", CREDENTIAL):
        for client, path in (
            (site.gateway, "/v1/queries/q1"),
            (site.gateway, "/v1/servers/events"),
            (hub, "/user"),
        ):
            with client.stream("GET", path, headers={"Authorization": f"Bearer {value}"}) as answer:
                assert answer.status_code != 500
    minted = site.gateway.post("/v1/tokens", headers=AS_SERVER, json={"kernel_id": "k\0"})
    assert minted.status_code < 500, minted.text
    with contextlib.closing(hub):
        for path in ("/authorizations/token/canary-token", "/authorizations/cookie/x/canary-cookie"):
            hub.get(path, headers={"Cookie": "jupyterhub-session-id=canary-session; canary"})
    quiet(site)


def test_a_persons_server_writes_down_no_value_and_no_cookie(site: Site) -> None:
    site.house.start_server(site.person_id)
    home = site.house.runtime.homes / site.person_id
    base = f"/user/{site.person_id}"
    assert site.browser.get(f"{base}/lab", site.host).status_code == 200
    (home / "broken.ipynb").write_text('{"canary-notebook": ')
    (home / "wrong.ipynb").write_text(
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"canary-cell": 1}]}'
    )
    for path in (
        "/api/contents/broken.ipynb",
        "/api/contents/wrong.ipynb",
        "/nbconvert/html/broken.ipynb",
        "/nbconvert/html/wrong.ipynb",
        "/api/contents/none?canary-query=1",
        "/api/kernels/none?token=canary-token",
        "/files/none?canary-query",
        "/lab/api/settings/x%00",
    ):
        site.browser.get(base + path, site.host, headers={"Referer": "http://x/?canary-referer"})
    xsrf = site.browser.cookies[site.host]["_xsrf"]
    for path in ("/api/sessions", "/api/kernels", "/api/contents", "/nbconvert/html", "/swap/complete"):
        for body in (b'{"canary-body": ', b'{"canary-body": 1}', b'["canary-body"]'):
            site.browser.post(base + path, site.host, content=body, headers={"X-XSRFToken": xsrf})
            site.browser.post(base + path, site.host, content=body)
    site.house.browser().get(f"{base}/lab?token=canary-token", site.host)
    quiet(site, "/api/contents/broken.ipynb")


def test_a_result_whose_file_is_broken_is_not_printed(site: Site) -> None:
    query_id = site.ask("SELECT text FROM lake.raw.events")["id"]
    for path in site.house.runtime.spool.rglob(f"*{query_id}*"):
        if path.is_file():
            path.write_bytes(b"canary-spool" * 1000)
    for path in ("page?sort=text", "result", "download", "page"):
        with contextlib.suppress(httpx.HTTPError):  # an answer that was begun is cut off
            site.gateway.get(f"/v1/queries/{query_id}/{path}")
    quiet(site)


def test_a_database_that_refuses_leaves_no_statement_and_no_parameter(site: Site) -> None:
    """Every process meets a table that is not there: the errors hold what was to be written."""
    tables = {
        "swap.query_run": lambda: site.gateway.post("/v1/queries", json={"statement": "SELECT 'canary-literal'"}),
        "swap.jupyter_server": lambda: site.gateway.post("/v1/tokens", json={}, headers=AS_SERVER),
        "swap.portal_session": lambda: site.browser.get("/data?q=canary-search"),
        f"{roles.HUB_SCHEMA}.oauth_codes": lambda: site.house.browser().sign_in("ann"),
        f"{roles.HUB_SCHEMA}.api_tokens": lambda: site.browser.get(
            f"/user/{site.person_id}/lab?canary-query=1", site.host
        ),
    }
    for table, ask in tables.items():
        schema, name = table.split(".")
        with site.house.database.server.administrator(site.house.database.name) as conn:
            conn.execute(f"ALTER TABLE {table} RENAME TO {name}_away".encode())
            try:
                ask()
            finally:
                conn.execute(f"ALTER TABLE {schema}.{name}_away RENAME TO {name}".encode())
    quiet(site, "UndefinedTable")
    # The control of all tests here: whoever reads the log finds type and place.
    assert re.search(r'File ".*swap/query/store\.py", line \d+, in add', site.logs()["gateway.log"])


def test_a_database_that_is_away_is_told_without_what_was_asked(site: Site) -> None:
    name = site.house.database.name
    with site.house.database.server.administrator() as conn:
        conn.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false'.encode())
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            for answer in (
                site.gateway.post("/v1/queries", json={"statement": "SELECT 'canary-literal'"}),
                site.gateway.post("/v1/tokens", json={}, headers=AS_SERVER),
                site.browser.get("/data?q=canary-search"),
                site.browser.get("/oauth_callback?state=canary-state&code=canary-code"),
                site.house.browser().get("/hub/login?next=/hub/api/oauth2/authorize%3Fstate%3Dcanary-state"),
                site.browser.get(f"/user/{site.person_id}/lab?canary-query=1", site.host),
            ):
                assert answer.status_code != 500 or "SWAP made a mistake" not in answer.text, answer.request.url
        finally:
            conn.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true'.encode())
    quiet(site, "does not answer")
