"""The portal's pages, with a real database: what each shows, and in what order things happen."""

from __future__ import annotations

import html
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from integration.web.doubles import ROWS, TABLES
from integration.web.running import PERSON_IDS, Browser, Portal, csrf, running
from services import Database
from swap import restarts
from swap.launch import running as servers
from swap.restarts import Restart

ANN = PERSON_IDS["ann"]
REDIRECT = HTTPStatus.SEE_OTHER
NEWEST_TEN = "SELECT *\nFROM lake.wmf.pageview_hourly\nWHERE year = 2026 AND month = 11 AND day = 22\nLIMIT 10"


def lab(portal: Portal, path: str) -> str:
    return f"http://{ANN}.localhost:{portal.port}/user/{ANN}/lab/tree/{path}?reset"


def until(what: Any, seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    return what()


def notebook(home: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / name).read_text(encoding="utf-8"))
    return found


def side_block(page: str) -> str:
    """Return the part of a table's page that shows its partitions."""
    return page[page.index('id="partitions"') :].partition("</section>")[0]


# ── Home ────────────────────────────────────────────────────────────────────────────────────────────
def test_a_first_visit_teaches_what_a_notebook_does(portal: Portal) -> None:
    page = portal.signed_in().get("/")
    assert page.status_code == HTTPStatus.OK
    assert "Welcome, ann" in page.text
    assert "You have no notebooks yet" in page.text
    assert "Your server starts with your first notebook" in page.text
    assert "Top pages and their size" in page.text
    assert "/data/mediawiki" in page.text
    assert page.text.count("cdx-button--weight-primary") == 1


def test_a_new_notebook_starts_the_server_and_its_first_cell_asks_a_readable_table(portal: Portal) -> None:
    browser = portal.signed_in()
    answer = browser.submit("/notebooks")
    assert answer.status_code == REDIRECT
    assert answer.headers["location"] == "/server?next=untitled-1.ipynb"
    document = notebook(portal.home(), "untitled-1.ipynb")
    assert document["cells"][0]["source"].startswith("%%swap result\nSELECT *\nFROM lake.")
    assert document["metadata"]["kernelspec"]["name"] == "swap"
    assert until(lambda: portal.hub.state.get(ANN) == "running")
    assert browser.get("/server?next=untitled-1.ipynb").headers["location"] == lab(portal, "untitled-1.ipynb")


def test_with_a_running_server_a_new_notebook_opens_at_once(portal: Portal) -> None:
    browser = portal.signed_in()
    portal.hub.state[ANN] = "running"
    for number in (1, 2, 3):
        assert browser.submit("/notebooks").headers["location"] == lab(portal, f"untitled-{number}.ipynb")
    assert not [name for name in portal.home().iterdir() if name.suffix != ".ipynb"]


def test_a_new_notebook_needs_no_gateway(portal: Portal) -> None:
    browser = portal.signed_in()
    portal.hub.state[ANN] = "running"
    mark = csrf(browser.get("/").text)
    portal.gateway.close()
    assert browser.post("/notebooks", {"csrf": mark}).status_code == REDIRECT
    assert "SELECT 'Replace this" in notebook(portal.home(), "untitled-1.ipynb")["cells"][0]["source"]


def test_a_copied_example_has_no_outputs_and_no_trust(portal: Portal) -> None:
    browser = portal.signed_in()
    portal.hub.state[ANN] = "running"
    assert browser.submit("/notebooks", example="top-pages").headers["location"] == lab(portal, "top-pages.ipynb")
    assert browser.submit("/notebooks", example="top-pages").headers["location"] == lab(portal, "top-pages-2.ipynb")
    cell = notebook(portal.home(), "top-pages.ipynb")["cells"][0]
    assert cell["outputs"] == []
    assert cell["execution_count"] is None
    assert "trusted" not in cell["metadata"]


def test_home_lists_my_notebooks_by_their_headings(portal: Portal) -> None:
    browser = portal.signed_in()
    home = portal.home()
    (home / "ideas").mkdir(parents=True)
    (home / "ideas" / "first.ipynb").write_text(
        json.dumps({"cells": [{"cell_type": "markdown", "source": ["# Mobile *readers*"]}]}), encoding="utf-8"
    )
    (home / ".ipynb_checkpoints").mkdir()
    (home / ".ipynb_checkpoints" / "first-checkpoint.ipynb").write_text("{}", encoding="utf-8")
    (home / "broken.ipynb").write_text("{not json", encoding="utf-8")
    portal.hub.state[ANN] = "running"
    text = browser.get("/").text
    assert "Hello, ann" in text
    assert "Mobile readers" in text
    assert lab(portal, "ideas/first.ipynb") in text
    assert "broken" in text
    assert "checkpoint" not in text


@pytest.mark.parametrize(
    ("state", "idle_hours", "told"),
    [
        ("running", 71, True),
        ("running", 64, True),
        ("running", 62, False),
        ("running", None, False),
        ("stopped", 71, False),
    ],
)
def test_home_tells_of_a_server_that_will_soon_be_stopped_as_idle(
    portal: Portal, state: str, idle_hours: int | None, told: bool
) -> None:
    browser = portal.signed_in()
    portal.hub.state[ANN] = state
    if idle_hours is not None:
        portal.hub.active_at[ANN] = (datetime.now(UTC) - timedelta(hours=idle_hours)).isoformat()
    text = browser.get("/").text
    assert ("Your server stops at" in text) == told
    assert ("Keep it running: open JupyterLab" in text) == told


def test_the_list_of_notebooks_is_narrowed_without_script(portal: Portal) -> None:
    browser = portal.signed_in()
    portal.home().mkdir(parents=True)
    for name in ("alpha", "beta"):
        (portal.home() / f"{name}.ipynb").write_text("{}", encoding="utf-8")
    text = browser.get("/notebooks?q=alp").text
    assert "alpha.ipynb" in text
    assert "beta.ipynb" not in text


def test_a_source_that_is_down_stays_on_home_with_its_reason(portal: Portal) -> None:
    portal.gateway.down = {"mediawiki"}
    text = portal.signed_in().get("/").text
    assert "does not answer" in text
    assert "Ask dba." in text


def test_without_the_gateway_home_still_shows_notebooks_and_says_so(portal: Portal) -> None:
    browser = portal.signed_in()
    portal.home().mkdir(parents=True)
    (portal.home() / "mine.ipynb").write_text("{}", encoding="utf-8")
    portal.gateway.close()
    page = browser.get("/")
    assert page.status_code == HTTPStatus.OK
    assert "The gateway does not answer." in page.text
    assert "mine.ipynb" in page.text


def test_without_the_hub_every_page_but_starting_works(portal: Portal) -> None:
    browser = portal.signed_in()
    portal.hub.close()
    for path in ("/", "/notebooks", "/data", "/data/lake", "/data/lake/wmf/pageview_hourly", "/sign-out"):
        began = time.monotonic()
        page = browser.get(path)
        assert page.status_code == HTTPStatus.OK, path
        assert time.monotonic() - began < 3
    assert "The hub does not answer" in browser.get("/").text
    refused = browser.submit("/notebooks")
    assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "The hub does not answer" in refused.text
    assert Browser(portal.port).get("/sign-in").status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert browser.submit("/sign-out").headers["location"] == "/signed-out"


# ── Data ────────────────────────────────────────────────────────────────────────────────────────────
def test_a_source_lists_its_tables_with_what_is_locked_and_whom_to_ask(portal: Portal) -> None:
    browser = portal.signed_in()
    text = browser.get("/data/lake").text
    assert "412,600" in text
    assert "Locked by the rule <b>personal-data</b>. Ask data-privacy." in text
    assert "airports" not in text
    narrowed = browser.get("/data/lake?q=every+request").text
    assert ">webrequest</a>" in narrowed
    assert ">pageview_hourly</a>" not in narrowed
    assert ">webrequest</a>" not in browser.get("/data/lake?show=readable").text
    assert "No table of lake has “zzz”" in browser.get("/data/lake?q=zzz").text


def test_a_source_opens_a_query_of_a_table_this_person_may_read(portal: Portal) -> None:
    browser = portal.signed_in()
    text = browser.get("/data/lake?schema=wmf").text
    assert re.findall(r'name="(source|schema|table)" value="([^"]*)"', text) == [
        ("source", "lake"),
        ("schema", "wmf"),
        ("table", "pageview_hourly"),
        ("schema", "wmf"),  # the filter stays in the schema
    ]
    portal.gateway.down = {"lake"}
    assert "Query in a new notebook" not in browser.get("/data/lake").text, "a query of a source that is down fails"


def test_a_source_of_many_tables_is_listed_a_page_at_a_time(portal: Portal) -> None:
    portal.gateway.page_size = 2
    browser = portal.signed_in()
    first = browser.get("/data/lake?show=all").text
    following = re.findall(r'rel="next" href="([^"]*)"', first)
    second = browser.get(html.unescape(following[0])).text

    assert "Tables 1 to 2 of 3" in first
    assert "data-filters" not in first, "a filter as one types would hide what is on other pages"
    assert "Tables 3 to 3 of 3" in second
    assert "First page" in second
    assert 'rel="next"' not in second
    pages = [set(re.findall(r'class="mono" href="(/data/lake/[^"]*)"', text)) for text in (first, second)]
    assert [len(page) for page in pages] == [2, 1]
    assert not pages[0] & pages[1]


def test_one_search_on_data_goes_through_all_sources_and_columns(portal: Portal) -> None:
    ann = portal.signed_in()
    found = ann.get("/data?q=name").text
    assert "1 table with “name”" in found
    assert 'href="/data/mediawiki/nyc/airports"' in found
    assert "<code>name</code>" in found
    assert "of all sources" not in found
    assert all(f">{name}</a>" in ann.get("/data?q=a").text for name in ("pageview_hourly", "webrequest", "airports"))
    assert "Locked by the rule <b>personal-data</b>. Ask data-privacy." in ann.get("/data?q=webrequest").text
    assert "No table has “zzz &lt;b&gt;” in its name" in ann.get("/data?q=zzz+%3Cb%3E").text


def test_what_is_found_is_shown_a_page_at_a_time(portal: Portal) -> None:
    portal.gateway.page_size = 2
    ann = portal.signed_in()
    first = ann.get("/data?q=a").text
    assert "Tables 1 to 2 of 4" in first
    following = html.unescape(re.search(r'rel="next" href="([^"]*)"', first)[1])  # type: ignore[index]
    second = ann.get(following).text
    assert "Tables 3 to 4 of 4" in second
    assert 'rel="next"' not in second


def test_a_source_says_how_fresh_it_is(portal: Portal) -> None:
    home = portal.signed_in().get("/").text
    assert "data up to 2026-11-22 13:00" in home
    assert "tables looked through" in home


def test_a_source_says_how_each_of_its_servers_does(portal: Portal) -> None:
    known = {"up": True, "since": "2026-11-24T09:12:00+00:00", "harvested_at": "2026-11-24T09:30:00+00:00"}
    known |= {"lag_seconds": None, "stopped": None, "read_only": None}
    portal.gateway.servers["mediawiki"] = [
        {**known, "name": "s1", "lag_seconds": 2.0, "read_only": True},
        {**known, "name": "s2", "up": False},
        {**known, "name": "s3", "stopped": True, "lag_seconds": 12_000},
        {**known, "name": "<s4>"},
    ]

    page = " ".join(re.sub(r"<[^>]+>", "", portal.signed_in().get("/data/mediawiki").text).split())

    assert "s1 2.0 s behind its primary, read only" in page
    assert re.search(r"s2 does not answer since .{5,20}; its tables were last looked through .{5,20} s3", page)
    assert "s3 has stopped copying its primary, 3 h 20 m ago" in page
    assert "&lt;s4&gt; answers" in page


def test_an_example_that_asks_a_locked_table_is_marked_and_stands_last(portal: Portal) -> None:
    def example(name: str, title: str, *cells: tuple[str, list[str]]) -> None:
        code = [
            {"cell_type": "code", "id": str(n), "metadata": {"tags": tags}, "source": source, "outputs": []}
            for n, (source, tags) in enumerate(cells)
        ]
        document = {"cells": code, "metadata": {"swap": {"title": title}}, "nbformat": 4, "nbformat_minor": 5}
        (portal.settings.state / "examples" / f"{name}.ipynb").write_text(json.dumps(document))

    locked = "%%swap\nSELECT ip FROM lake.wmf.webrequest"
    example("a-locked", "Locked one", ("1", []), (locked, []))
    example(
        "b-refusal", "Shows a refusal", ("swap.sql('FROM mediawiki.nyc.airports')", []), (locked, ["raises-exception"])
    )
    page = portal.signed_in().get("/").text
    assert page.index("Shows a refusal") < page.index("Top pages and their size") < page.index("Locked one")
    assert page.count("Not for you") == 1
    assert "<code>lake.wmf.webrequest</code>" in page


def test_a_copied_example_still_says_which_cells_are_meant_to_fail(portal: Portal) -> None:
    path = portal.settings.state / "examples" / "refusal.ipynb"
    cell = {"cell_type": "code", "id": "a", "metadata": {"tags": ["raises-exception"]}, "source": "1", "outputs": []}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    portal.signed_in().submit("/notebooks", example="refusal")
    copied = json.loads((portal.home() / "refusal.ipynb").read_text())
    assert copied["cells"][0]["metadata"]["tags"] == ["raises-exception"]


def test_a_table_shows_columns_locks_and_one_line_to_copy(portal: Portal) -> None:
    text = portal.signed_in().get("/data/lake/wmf/pageview_hourly").text
    assert (
        "swap.sql(&#34;SELECT * FROM lake.wmf.pageview_hourly WHERE year = 2026 AND month = 11 AND day = 22 LIMIT"
        " 10&#34;)" in text
    )
    assert "The rule <b>below-country</b> locks places smaller than a country." in text
    assert "Two columns are locked for you" in text
    assert "Query in a new notebook" in text
    assert "en.wikipedia</bdi>" not in text, "the rows load apart"


def test_a_table_shows_its_newest_partitions_with_the_hours_that_are_missing(portal: Portal) -> None:
    browser = portal.signed_in()
    block = side_block(browser.get("/data/lake/wmf/pageview_hourly").text)
    assert re.findall(r'<th scope="row" class="nw">([^<]*)</th>', block) == [
        "22 Nov",
        "21 Nov",
        "20 Nov",
        "19 Nov",
        "18 Nov",
        "17 Nov",
        "16 Nov",
    ]
    assert 'aria-label="10 hours missing"' in block
    assert ">about 1,800<" in block, "the rows of the 18th are a guess"
    assert ">All 182</a>" in block
    everything = side_block(browser.get("/data/lake/wmf/pageview_hourly?partitions=all").text)
    assert ">15 Nov</th>" in everything
    assert "All 182" not in everything


def test_a_source_that_is_down_shows_what_was_there_and_when(portal: Portal) -> None:
    portal.gateway.down = {"mediawiki"}
    text = portal.signed_in().get("/data/mediawiki").text
    assert "mediawiki does not answer now." in text
    assert 'from <time datetime="2026-11-24T09:30:00+00:00"' in text


def test_a_table_tells_what_changed_in_its_columns(portal: Portal) -> None:
    browser = portal.signed_in()
    text = browser.get("/data/lake/wmf/pageview_hourly").text
    block = text[text.index('id="changes"') : text.index("</section>", text.index('id="changes"'))]
    assert "<code>page_id</code> became bigint, was integer" in block
    assert "<code>is_&lt;bot&gt;</code> is gone, was boolean" in block
    assert 'datetime="2026-11-20T09:00:00' in block
    assert 'id="changes"' not in browser.get("/data/mediawiki/nyc/airports").text


def test_partitions_of_which_the_gateway_tells_nothing_are_not_shown(portal: Portal) -> None:
    portal.gateway.tables = TABLES | {
        "lake.wmf.pageview_hourly": TABLES["lake.wmf.pageview_hourly"] | {"divided": None}
    }
    text = portal.signed_in().get("/data/lake/wmf/pageview_hourly").text
    assert 'id="partitions"' not in text
    assert "LIMIT 10" in text
    assert "WHERE" not in text


def test_rows_that_were_guessed_are_about_so_many(portal: Portal) -> None:
    browser = portal.signed_in()
    assert "<b>412,600</b> rows" in browser.get("/data/lake/wmf/pageview_hourly").text
    assert "<b>about 1,460</b> rows" in browser.get("/data/mediawiki/nyc/airports").text


def test_a_table_one_may_not_read_keeps_its_columns_and_says_whom_to_ask(portal: Portal) -> None:
    text = portal.signed_in().get("/data/lake/wmf/webrequest").text
    assert "You may not read this table." in text
    assert "Ask data-privacy." in text
    assert "Query in a new notebook" not in text
    assert "data-load=" not in text


def test_what_one_may_not_know_of_does_not_exist(portal: Portal) -> None:
    browser = portal.signed_in()
    for path in ("/data/hr", "/data/hr/pay/salaries", "/data/lake/wmf/nothing"):
        page = browser.get(path)
        assert page.status_code == HTTPStatus.NOT_FOUND
        assert "SWAP does not say which" in page.text


def test_ten_rows_run_as_the_person_and_show_null_empty_and_numbers(portal: Portal) -> None:
    part = portal.signed_in().get("/data/lake/wmf/pageview_hourly/preview", X_Swap_Part="1").text
    assert "<html" not in part
    assert "41,207" in part
    assert part.count('class="lockcell"') == 2 * len(ROWS), "locked columns keep their place, hatched"
    assert "15580374" in part
    assert 'title="null: no value">null' in part
    assert '>""<' in part.replace("&#34;", '"')
    assert portal.gateway.statements == [NEWEST_TEN]
    assert {claims.person_id for claims in portal.gateway.claims} == {ANN}


def test_ten_rows_also_show_without_script(portal: Portal) -> None:
    page = portal.signed_in().get("/data/lake/wmf/pageview_hourly/preview").text
    assert "<html" in page
    assert "41,207" in page


def test_an_empty_table_and_a_failed_preview_say_so(portal: Portal) -> None:
    browser = portal.signed_in()
    assert "No rows." in browser.get("/data/lake/event/nothing/preview", X_Swap_Part="1").text
    portal.gateway.failure = {
        "category": "source-down",
        "title": "lake does not answer; mediawiki does.",
        "why": "Not since 09:12.",
        "todo": "Ask data-platform.",
        "suggestions": [{"label": "x", "unknown": 1}],
        "unknown": 2,
    }
    part = browser.get("/data/lake/wmf/pageview_hourly/preview", X_Swap_Part="1").text
    assert "lake does not answer; mediawiki does." in part
    assert "Try again" in part


def test_one_persons_slow_previews_hold_up_nobody_elses(portal: Portal) -> None:
    address = "/data/lake/wmf/pageview_hourly/preview"
    ann, bertrand = portal.signed_in(), portal.signed_in("bertrand")
    gate = portal.gateway.gate = threading.Event()
    with ThreadPoolExecutor(20) as pool:
        slow = [pool.submit(ann.get, address) for _ in range(20)]
        while len(portal.gateway.statements) < 2:
            time.sleep(0.01)
        time.sleep(0.5)  # the others stand in line by now
        portal.gateway.gate = None

        assert "41,207" in bertrand.get(address).text

        assert not any(each.done() for each in slow)
        gate.set()
    assert all("41,207" in each.result().text for each in slow)


def test_a_query_in_a_new_notebook_asks_that_table(portal: Portal) -> None:
    browser = portal.signed_in()
    portal.hub.state[ANN] = "running"
    assert browser.submit("/notebooks", source="lake", schema="wmf", table="pageview_hourly").status_code == REDIRECT
    assert notebook(portal.home(), "untitled-1.ipynb")["cells"][0]["source"] == f"%%swap result\n{NEWEST_TEN}"
    assert (
        browser.submit("/notebooks", source="lake", schema="wmf", table="webrequest").status_code
        == HTTPStatus.NOT_FOUND
    )
    assert (
        browser.submit("/notebooks", source="lake", schema="wmf", table="nothing").status_code == HTTPStatus.NOT_FOUND
    )
    assert browser.submit("/notebooks", table="lake").status_code == HTTPStatus.BAD_REQUEST
    assert len(list(portal.home().iterdir())) == 1


# ── Server ──────────────────────────────────────────────────────────────────────────────────────────
def test_the_start_shows_what_the_spawner_does(portal: Portal) -> None:
    browser = portal.signed_in()
    portal.hub.step_seconds = 0.4
    browser.submit("/server/start", next="a.ipynb")
    page = until(
        lambda: (text := browser.get("/server?next=a.ipynb").text) and "Opened your home directory" in text and text
    )
    assert page
    assert "Starting your Jupyter server" in page
    assert "Cancel" in page
    feed = browser.get("/server/events", Accept="text/event-stream").text
    states = [json.loads(line[6:]) for line in feed.splitlines() if line.startswith("data: ")]
    assert states[-1]["state"] == "ready"
    assert [step["label"] for step in states[-1]["steps"]] == [
        "Opened your home directory",
        "Started your Jupyter server",
        "It answered",
        "Opened the way to it",
    ]
    assert all(step["ended"] >= step["began"] for step in states[-1]["steps"])
    assert browser.get("/server?next=a.ipynb").headers["location"] == lab(portal, "a.ipynb")


def test_a_server_that_a_limit_ended_says_which_where_it_is_started_again(portal: Portal) -> None:
    browser = portal.signed_in()
    assert "A limit ended your server" not in browser.get("/server").text

    servers.folder(portal.settings.state).mkdir(exist_ok=True)
    servers.note_end(portal.settings.state, ANN, "It met its limit of 8 GB of memory.")

    text = browser.get("/server").text
    assert "A limit ended your server" in text
    assert "It met its limit of 8 GB of memory." in text
    assert "Start my server" in text


def test_a_start_can_be_cancelled(portal: Portal) -> None:
    browser = portal.signed_in()
    portal.hub.step_seconds = 5.0
    browser.submit("/server/start")
    assert until(lambda: portal.hub.state.get(ANN) == "starting")
    assert browser.submit("/server/stop", page="/server").headers["location"] == "/"
    assert portal.hub.state[ANN] == "stopped"
    assert "Start my server" in browser.get("/server").text


def test_a_failed_start_says_why_and_what_the_server_said(portal: Portal) -> None:
    browser = portal.signed_in()
    portal.hub.failure = "The disk of your home directory is full. Make room, then try again."
    browser.submit("/server/start", next="a.ipynb")
    page = until(lambda: (text := browser.get("/server?next=a.ipynb").text) and "did not start" in text and text)
    assert "<b>The disk of your home directory is full.</b> Make room, then try again." in page
    assert "line 1\nline 2" in page
    assert "Try again" in page
    assert "srv-" in page
    portal.hub.failure = None
    browser.submit("/server/start", page="/server", next="a.ipynb")
    assert until(lambda: browser.get("/server?next=a.ipynb").headers.get("location") == lab(portal, "a.ipynb"))


def test_a_start_that_another_page_or_portal_began_is_followed(portal: Portal) -> None:
    browser = portal.signed_in()
    portal.hub.step_seconds = 0.3
    portal.hub._set(ANN, "starting")
    assert "Starting your server" in browser.get("/server").text
    portal.hub._set(ANN, "running")
    assert until(lambda: browser.get("/server").status_code == REDIRECT)


def test_a_restart_stops_and_starts(portal: Portal) -> None:
    browser = portal.signed_in()
    portal.hub.state[ANN] = "running"
    assert browser.submit("/server/restart").headers["location"] == "/server"
    assert until(
        lambda: (
            portal.hub.state[ANN] == "running"
            and any(request.startswith("POST") and request.endswith("/server") for request in portal.hub.requests)
        )
    )
    asked = [request.split()[0] for request in portal.hub.requests if request.endswith("/server")]
    assert asked == ["DELETE", "POST"]
    feed = browser.get("/server/events", Accept="text/event-stream").text
    assert json.loads(feed.strip().splitlines()[-1][6:])["steps"][0]["label"] == "Stopped your server"


def test_a_start_waits_for_the_stop_before_it(portal: Portal) -> None:
    browser = portal.signed_in()
    portal.hub.state[ANN] = "stopping"
    assert browser.submit("/notebooks").headers["location"] == "/server?next=untitled-1.ipynb"
    time.sleep(0.5)
    assert not any(request.startswith("POST") and request.endswith("/server") for request in portal.hub.requests)
    portal.hub.state[ANN] = "stopped"
    assert until(lambda: portal.hub.state[ANN] == "running")


def test_a_page_of_jupyterlab_without_a_server_leads_to_the_offer_to_start_it(portal: Portal) -> None:
    text = portal.signed_in().get("/server?next=lab/tree/ideas/a.ipynb").text
    assert "Your server is stopped" in text
    assert 'name="next" value="ideas/a.ipynb"' in text


# ── The frame ───────────────────────────────────────────────────────────────────────────────────────
def test_a_stopped_server_is_started_from_home_and_from_the_menu(portal: Portal) -> None:
    ann = portal.signed_in()
    portal.home().mkdir(exist_ok=True)
    (portal.home() / "a.ipynb").write_text("{}")
    assert ann.get("/").text.count('action="/server/start"') == 3  # the menu's, the head's and the notebook's row
    assert ann.get("/data").text.count('action="/server/start"') == 1
    assert ann.submit("/server/start").headers["location"] == "/server"
    assert until(lambda: portal.hub.state.get(ANN) == "running")
    assert 'action="/server/start"' not in ann.get("/data").text


def test_what_is_being_started_again_is_said_on_every_page(portal: Portal) -> None:
    ann = portal.signed_in()
    assert "in a row" not in ann.get("/").text
    at = datetime.now(UTC) + timedelta(seconds=25)
    restarts.write(portal.settings.state, [Restart("gateway", 5, at.isoformat())])
    page = ann.get("/").text
    assert "The gateway, which runs the queries, ended 5 times in a row." in page
    assert re.search(r"SWAP starts it again in 2\d s\.", page)
    restarts.write(portal.settings.state, [Restart("hub", 1, datetime.now(UTC).isoformat())])
    assert "SWAP is starting it again." in ann.get("/data").text
    gone = datetime.now(UTC) - timedelta(minutes=1)
    restarts.write(portal.settings.state, [Restart("hub", 1, gone.isoformat())])
    assert "starting it again" not in ann.get("/data").text
    (portal.settings.state / restarts.FILE).write_text("[{]")
    assert ann.get("/").status_code == HTTPStatus.OK


def test_the_choice_of_light_or_dark_is_kept(portal: Portal) -> None:
    browser = portal.signed_in()
    mark = csrf(browser.get("/").text)
    answer = browser.post("/mode", {"csrf": mark, "mode": "dark"}, Referer=f"http://localhost:{portal.port}/data")
    assert answer.headers["location"] == "/data"
    assert 'data-mode="dark"' in browser.get("/").text
    browser.post("/mode", {"csrf": mark, "mode": "system"})
    assert 'data-mode="dark"' not in browser.get("/").text


def test_the_menu_offers_only_what_exists(portal: Portal) -> None:
    text = portal.signed_in().get("/").text
    for word in ("Queries", "Published", "Admin", "Share", 'href="#"', "soon"):
        assert word not in text, word


def test_a_tunnel_with_another_port_is_explained_before_anything_starts(database: Database, tmp_path: Path) -> None:
    with running(database, tmp_path, public_port=8000) as portal:
        browser = portal.signed_in()
        assert "SWAP expects 8000" in browser.get("/").text
        assert browser.submit("/notebooks").headers["location"] == "/help/tunnel-port"
        assert browser.submit("/server/start").headers["location"] == "/help/tunnel-port"
        assert not portal.home().exists()
        page = browser.get("/help/tunnel-port").text
        assert f"ends at {portal.port}, SWAP expects 8000" in page
        assert "ssh -N -L 8000:localhost:" in page


def test_with_another_port_no_page_leads_to_a_server_that_would_not_be_found(
    database: Database, tmp_path: Path
) -> None:
    with running(database, tmp_path, public_port=8000) as portal:
        browser = portal.signed_in()
        portal.home().mkdir()
        (portal.home() / "a.ipynb").write_text("{}", encoding="utf-8")
        portal.hub.state[ANN] = "running"
        assert browser.get("/server?next=a.ipynb").headers["location"] == "/help/tunnel-port"
        for page in ("/", "/notebooks"):
            text = browser.get(page).text
            assert '<a class="b" href="/help/tunnel-port">' in text
            assert f"{ANN}.localhost" not in text


def test_the_address_of_the_machine_leads_to_the_name(portal: Portal) -> None:
    answer = Browser(portal.port).get("/data", Host=f"127.0.0.1:{portal.port}")
    assert answer.status_code == HTTPStatus.TEMPORARY_REDIRECT
    assert answer.headers["location"] == f"http://localhost:{portal.port}/data"


def test_the_test_of_names_is_answered_on_any_host(portal: Portal) -> None:
    answer = Browser(portal.port).get("/ping", Host=f"probe--x.localhost:{portal.port}")
    assert answer.status_code == HTTPStatus.NO_CONTENT
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


def test_built_files_may_be_kept_for_ever(portal: Portal) -> None:
    page = portal.signed_in().get("/").text
    start = page.index("/static/build/swap.")
    sheet = Browser(portal.port).get(page[start : page.index('"', start)])
    assert sheet.status_code == HTTPStatus.OK
    assert "immutable" in sheet.headers["cache-control"]
    assert "--color-progressive" in sheet.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_of_ours_shows_a_reference_and_no_trace(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(app: Any) -> None:
        app.state.portal.templates.filters["count"] = lambda _: 1 / 0

    with running(database, tmp_path, broken) as portal:
        page = portal.signed_in().get("/data/lake")
    assert page.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "SWAP made a mistake on this page" in page.text
    assert "ZeroDivision" not in page.text
    reference = page.text[page.text.index("e-") :][:10]
    assert reference in page.text
    assert any("failed, reference e-" in record.getMessage() for record in caplog.records)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_statement_that_the_database_refuses_is_a_mistake_of_ours_and_in_the_log(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running(database, tmp_path) as portal:
        browser = portal.signed_in()
        with database.engine("owner").begin() as conn:
            conn.execute(text("ALTER TABLE swap.notebook RENAME COLUMN deleted_at TO gone_at"))
        page = browser.get("/notebooks/deleted")
    assert page.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "SWAP made a mistake on this page" in page.text
    assert any("UndefinedColumn" in (record.exc_text or "") for record in caplog.records)


def test_without_the_database_pages_say_so(database: Database, tmp_path: Path) -> None:
    def gone(app: Any) -> None:
        class Gone:
            def begin(self) -> Any:
                raise OperationalError("SELECT 1", None, ConnectionRefusedError())

            def dispose(self) -> None:
                pass

        object.__setattr__(app.state.portal, "engine", Gone())

    with running(database, tmp_path, gone) as portal:
        page = Browser(portal.port, cookies={"swap_session": "x"}).get("/")
        assert page.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert "database does not answer" in page.text.replace("&#39;", "'")
