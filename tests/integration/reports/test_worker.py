"""A worker runs reports with real kernels: as somebody who is not signed in, with a token that is worth its run."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import httpx
import psutil
import pyarrow as pa
import pytest
from sqlalchemy import text

import notebooks
import services
from integration.gateway.desks import EVERYONE, NO_CITIES, told
from integration.gateway.gateways import Person
from integration.reports import bureau
from integration.reports.bureau import Bureau, until
from services import Database
from swap.identity import Principal, Via
from swap.people import service as people
from swap.query import lineage
from swap.reports import execution, service
from swap.reports.model import Report, Run, RunState, State

PERIOD = "import swap\nprint(swap.period.start.isoformat(), swap.period.end.isoformat(), swap.period)"
CITY = "print(swap.sql('SELECT city FROM lake.wmf.pageview_hourly WHERE page_id = 1').df()['city'][0])"
ASKS = """
import json, os, swap.client.tokens, urllib.request, urllib.error
token = swap.client.tokens.ask(os.environ["SWAP_TOKEN_SOCKET"])[0]
def ask(method, path):
    told = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    asked = urllib.request.Request(os.environ["SWAP_GATEWAY"] + path, b"{}", told, method=method)
    try:
        return urllib.request.urlopen(asked).status
    except urllib.error.HTTPError as error:
        return error.code
answers = [ask("PUT", "/v1/notebooks"), ask("POST", "/v1/tokens"), ask("POST", "/v1/servers/reading"), ask("POST", "/v1/queries")]
print(json.dumps({"token": token, "answers": answers, "home": os.environ["HOME"], "names": sorted(os.environ)}))
"""
WRITES = """
import swap
views = swap.sql("SELECT country_code AS country, CAST(SUM(view_count) AS BIGINT) AS views"
                 " FROM lake.wmf.pageview_hourly WHERE country_code IS NOT NULL GROUP BY 1")
swap.expect("three countries", views, rows=3, unique="country")
swap.output("readers", views, key="country")
"""
EXPECTS = """
import swap
swap.expect("of before", 5, within=0.3)
swap.expect("never", False)
"""
TAKES = """
import json, os, swap.client.tokens, urllib.request, urllib.error
token = swap.client.tokens.ask(os.environ["SWAP_TOKEN_SOCKET"])[0]
told = {"authorization": f"Bearer {token}", "content-type": "application/json"}
said = json.dumps({"name": "taken", "upload": UPLOAD, "key": []}).encode()
try:
    urllib.request.urlopen(urllib.request.Request(os.environ["SWAP_GATEWAY"] + "/v1/outputs", said, told, method="POST"))
except urllib.error.HTTPError as error:
    print(error.code, json.load(error)["error"]["title"])
"""
FOREVER = """
import os, pathlib, time
pathlib.Path("pid").write_text(str(os.getpid()))
while True:
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def it(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    with bureau.running(module_database, tmp_path_factory.mktemp("bureau")) as made:
        yield made


def printed(outputs: list[dict[str, object]]) -> str:
    return str(outputs[-1]["text"]).strip()


def test_a_report_runs_with_nobody_signed_in_and_each_reader_sees_what_they_may(it: Bureau) -> None:
    report = it.schedule(PERIOD, CITY, ASKS)
    first = it.ended(it.ask(report))
    assert (first.state, first.edition, first.said) == (RunState.DONE, 1, None)
    period, city, asked = (printed(outputs) for outputs in it.seen(report, first))
    start, end, _ = period.split(" ", 2)
    assert (datetime.fromisoformat(start), datetime.fromisoformat(end)) == (first.period.start, first.period.end)
    assert datetime.fromisoformat(start).day == datetime.fromisoformat(end).day == 1
    assert "+0" in start, "in the zone of the report"
    assert city == "Berlin"
    _token_is_worth_its_run(it, first, asked)
    _reader_without_rights_sees_no_city(it, report, first)


def _token_is_worth_its_run(it: Bureau, run: Run, asked: str) -> None:
    said = json.loads(asked)
    refused, wrong, invalid = HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY
    assert said["answers"][:3] == [refused, wrong, wrong]
    assert said["answers"][3] in {HTTPStatus.BAD_REQUEST, invalid}, "what asks queries is let in, and reads nothing"
    assert said["home"].startswith(str(it.directory / "runs"))
    assert not {name for name in said["names"] if "CREDENTIAL" in name or "JUPYTERHUB" in name or "DATABASE" in name}
    after = httpx.post(
        f"{it.gateway.url}/v1/queries",
        json={"statement": "SELECT 1"},
        headers={"authorization": f"Bearer {said['token']}"},
        trust_env=False,
        verify=services.NO_TLS,
    )
    assert after.status_code == HTTPStatus.UNAUTHORIZED
    assert run.ended_at is not None


def _reader_without_rights_sees_no_city(it: Bureau, report: Report, run: Run) -> None:
    with it.database.engine("owner").begin() as conn:
        conn.execute(EVERYONE, {"id": report.notebook_id})
    other = it.gateway.person("bob", "analysts")
    bob = Principal(other.id, "bob", frozenset({"analysts"}), Via.PORTAL)
    period, city, _ = it.seen(report, run, bob)
    assert told(period) == told(city) == NO_CITIES, "all that this run's kernel shows comes from what it read"


def test_a_run_writes_a_table_that_others_query_with_the_rights_to_what_it_comes_from(it: Bureau) -> None:
    report = it.schedule(WRITES)
    run = it.ended(it.ask(report))
    assert (run.state, run.is_held) == (RunState.DONE, False), run.said
    bob, carl = it.gateway.person("bob", "analysts"), it.gateway.person("carl", "readers")
    asked = "SELECT country, views FROM reports.ann.readers ORDER BY country"
    assert "There is no table" in bob.refused(asked)["title"], "the notebook is not shared"
    with it.database.engine("owner").begin() as conn:
        conn.execute(EVERYONE, {"id": report.notebook_id})
    assert bob.rows(asked) == [("DE", 30), ("FR", 70), ("IN", 50)]
    assert bob.rows("SELECT views FROM reports.ann.readers WHERE period_start = (SELECT MAX(period_start) FROM reports.ann.readers) AND country = 'FR'") == [(70,)]  # fmt: skip
    nowhere = carl.refused(asked.replace("readers", "nothing"))
    assert carl.refused(asked) == json.loads(json.dumps(nowhere).replace("nothing", "readers"))
    with bob.client() as client:
        told = client.get("/v1/catalog/reports/ann/readers").json()
    assert [column["name"] for column in told["columns"]] == ["period_start", "period_end", "country", "views"]
    assert (_listed(bob), _listed(carl)) == (["reports.ann.readers"], [])
    assert (_completed(bob, "SELECT * FROM reports.ann."), _completed(carl, "SELECT * FROM reports.ann.")) == (["readers"], [])  # fmt: skip
    assert _completed(bob, "SELECT * FROM reports.ann.readers r WHERE r.vi") == ["views"]
    with carl.client() as client:
        assert client.get("/v1/catalog/reports/ann/readers").status_code == HTTPStatus.NOT_FOUND
    _kernel_has_read_what_the_table_comes_from(it, bob)


def _listed(who: Person) -> list[str]:
    with who.client() as client:
        return [each["name"] for each in client.get("/v1/catalog/tables?like=reports.*").json()["tables"]]


def _completed(who: Person, sql: str) -> list[str]:
    with who.client() as client:
        answer = client.post("/v1/complete", json={"sql": sql, "offset": len(sql)}).json()
    return [item["label"] for item in answer["items"]]


def _kernel_has_read_what_the_table_comes_from(it: Bureau, who: Person) -> None:
    with it.database.engine("owner").begin() as conn:
        names = lineage.of_kernels(conn, who.id, {"k1"})
        assert names is not None
        read = {str(column) for each in lineage.columns(conn, names).values() for column in each}
    assert read == {"lake.wmf.pageview_hourly.country_code", "lake.wmf.pageview_hourly.view_count"}


def test_only_a_run_writes_a_table_and_only_what_its_own_kernel_sent(it: Bureau) -> None:
    bob, table, sink = it.gateway.person("bob", "analysts"), pa.table({"city": ["Berlin"]}), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    with bob.client() as client:
        mine = client.post("/v1/uploads", content=sink.getvalue()).json()["id"]
        said = {"name": "taken", "upload": mine, "key": []}
        assert client.post("/v1/outputs", json=said).status_code == HTTPStatus.FORBIDDEN
    with it.database.engine("owner").begin() as conn:
        people.sign_in(conn, it.person.id, "again", datetime.now(UTC), 1)
    with it.person.client() as client:
        other = client.post("/v1/uploads", content=sink.getvalue()).json()["id"]
    report = it.schedule(f"UPLOAD = {mine!r}{TAKES}", f"UPLOAD = {other!r}{TAKES}")
    run = it.ended(it.ask(report))
    bobs, another_kernels = (printed(outputs) for outputs in it.seen(report, run))
    assert bobs == "404 Your table taken is gone."
    assert another_kernels == "404 This upload is another kernel's."
    assert not list(it.directory.glob("tables/*/taken"))


def test_what_a_notebook_expects_comes_back_with_its_run_and_holds_the_edition(it: Bureau) -> None:
    report = it.schedule(EXPECTS, "print('goes on')")
    run = it.ended(it.ask(report))
    assert (run.state, run.edition, run.is_held) == (RunState.DONE, 1, True)
    assert [(each.name, each.holds) for each in run.expected] == [("of before", True), ("never", False)]
    expected, after = it.seen(report, run)
    assert len(expected) == 1, "one output for all that a cell expects"
    assert printed(after) == "goes on"


def test_a_cell_that_fails_ends_the_run_and_what_was_executed_is_kept(it: Bureau) -> None:
    report = it.schedule("print('before')", "secret = {}\nsecret['Ulan Bator']", "print('after')")
    run = it.ended(it.ask(report))
    assert run.state is RunState.FAILED
    assert run.said is not None
    assert (run.cell, run.said.title, run.edition) == (2, "Cell 2 of 3 failed: KeyError.", None)
    assert "Ulan Bator" not in str(run.said), "an error's text stands in the notebook, where rights are looked at"
    before, failed, after = it.seen(report, run)
    assert printed(before) == "before"
    assert failed[0]["output_type"] == "error"
    assert after == []


def test_j03_what_is_typed_for_a_parameter_reaches_the_notebook_as_it_was_typed(it: Bureau) -> None:
    text = '\'; import os; os._exit(3) # {wiki!r} !id \\\'"""'
    cell = notebooks.code("wiki = 'enwiki'\nshare = 0.5\nis_exact = False", tags=["parameters"])
    report = it.schedule(cell, "import json\nprint(json.dumps([wiki, share, is_exact]))")
    run = it.ended(it.ask(report, wiki=text, share="1", is_exact="true"))
    assert (run.state, run.edition) == (RunState.DONE, 1)
    *_, shown = it.seen(report, run)
    assert json.loads(printed(shown)) == [text, 1.0, True]
    assert run.parameters == {"wiki": text, "share": 1.0, "is_exact": True}


def test_a_source_that_is_away_lets_it_be_tried_again(it: Bureau) -> None:
    report = it.schedule("import swap\nraise swap.errors.Unavailable('lake does not answer')")
    run_id = it.ask(report)
    until(lambda: it.run(run_id).failures)
    run = it.run(run_id)
    assert (run.state, run.failures) == (RunState.WAITING, 1)
    assert run.start_at > datetime.now(UTC)


def test_a_report_that_is_ended_ends_what_it_runs(it: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "RENEW_SECONDS", 0.5)
    report = it.schedule(FOREVER)
    run_id = it.ask(report)
    kernel = _kernel(it, run_id)
    with it.database.engine("web").begin() as conn:
        service.become(conn, it.who, report.id, State.ENDED, datetime.now(UTC))
    until(lambda: not psutil.pid_exists(kernel) or psutil.Process(kernel).status() == psutil.STATUS_ZOMBIE)


def test_a_due_time_that_comes_is_run_by_itself(it: Bureau) -> None:
    report = it.schedule(PERIOD)
    with it.database.engine("owner").begin() as conn:
        moved = "UPDATE swap.report SET next_due_at = next_due_at - interval '3 months' WHERE id = :id"
        conn.execute(text(moved), {"id": report.id})
        conn.execute(text("NOTIFY swap_reports"))

    def runs() -> list[Run]:
        with it.database.engine("web").begin() as conn:
            looked = service.look(conn, it.who, report.id, datetime.now(UTC))
            return service.history(conn, looked, 0)[0]

    until(lambda: any(run.state is RunState.DONE for run in runs()))
    last, *missed = runs()
    assert (last.state, last.edition) == (RunState.DONE, 1)
    assert {run.state for run in missed} == {RunState.LEFT}
    assert len(missed) == 2


def _kernel(it: Bureau, run_id: str) -> int:
    """Return the process of a run's kernel, once a cell of it runs."""
    folder = Path(it.directory / "runs" / f"{run_id}-1" / "home")
    until((folder / "pid").exists)
    until((folder / "pid").read_text)
    return int((folder / "pid").read_text())
