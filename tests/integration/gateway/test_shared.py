"""Shared notebooks at the gateway: for the power of a server, with the share and the rights of this moment."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

import notebooks
import saves
from integration.gateway.desks import CITIES, COUNTRIES, NO_CITIES, NOT_KNOWN, Desk, told
from integration.gateway.gateways import Gateway
from swap import content
from swap.identity import Via
from swap.notebooks import shown, sight

SHARE = text(
    "INSERT INTO swap.notebook_share (notebook_id, kind, whom, role, expires_at, shared_by, at)"
    " SELECT id, :kind, :whom, :role, :expires_at, person_id, now() FROM swap.notebook WHERE id = :id"
)
NOWHERE = "There is no notebook at this address."


@pytest.fixture
def ann(shared: Gateway) -> Desk:
    return Desk(shared, "ann", "analysts", "data-privacy")


@pytest.fixture
def bob(shared: Gateway) -> Desk:
    """Somebody with whom nothing is shared yet."""
    with shared.database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.notebook_share"))
    return Desk(shared, "bob", "readers")


def share(
    desk: Desk,
    saved: tuple[str, int],
    kind: str,
    whom: str,
    expires_at: datetime | None = None,
    role: str = "view",
) -> None:
    values = {"id": saved[0], "kind": kind, "whom": whom, "expires_at": expires_at, "role": role}
    with desk.swap.database.engine("owner").begin() as conn:
        conn.execute(SHARE, values)


def unshare(desk: Desk, saved: tuple[str, int]) -> None:
    with desk.swap.database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.notebook_share WHERE notebook_id = :id"), {"id": saved[0]})


class Reader:
    """A person's server that reads."""

    def __init__(self, desk: Desk) -> None:
        self.home, self.token = desk.home, ""

    def ask(self, path: str) -> httpx.Response:
        token = self.token or self.new_token().json()["token"]
        return self.home.ask("GET", path, headers={"authorization": f"Bearer {token}"})

    def new_token(self) -> httpx.Response:
        bearer = {"authorization": f"Bearer {self.home.credential}"}
        return self.home.ask("POST", "/v1/servers/reading", headers=bearer)


def asked(desk: Desk, notebook_id: str, step: str = "") -> httpx.Response:
    return Reader(desk).ask(f"/v1/shared/{notebook_id}{step}")


def listed(desk: Desk, more: str = "") -> dict[str, Any]:
    return dict(Reader(desk).ask(f"/v1/shared{more}").json())


def read(answer: httpx.Response) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is said of a version, and its notebook, put together as a person's server does."""
    assert answer.status_code == 200, answer.text
    file = io.BytesIO(answer.content)
    said, manifest = json.loads(file.readline()), file.readline()[:-1]
    parts = {name: content.unpacked(file.read(packed), size) for name, packed, size in said["parts"]}
    assert not file.read()
    return said, content.put_together(manifest, parts.__getitem__)


def sees(desk: Desk, saved: tuple[str, int]) -> list[Any]:
    document = read(asked(desk, saved[0], "/version"))[1]
    return [told(cell["outputs"]) for cell in document["cells"]]


def test_what_is_shared_is_listed_and_read_by_whom_it_is_shared_with(ann: Desk, bob: Desk) -> None:
    ann.asks(COUNTRIES, "k1")
    saved = ann.saves("Germany", kernel="k1", path="folder/countries.ipynb")
    assert listed(bob) == {"notebooks": [], "more": False}
    share(ann, saved, "person", bob.person.id)
    (one,) = listed(bob)["notebooks"]
    assert one | {"at": ""} == {
        "notebook": saved[0],
        "name": "countries",
        "owner": "ann",
        "role": "view",
        "version": 1,
        "at": "",
    }
    said, document = read(asked(bob, saved[0], "/version"))
    assert [told(cell["outputs"]) for cell in document["cells"]] == ["Germany"]
    standing = asked(bob, saved[0]).json()
    assert standing == {name: value for name, value in said.items() if name != "parts"}
    rows = [row for row in ann.swap.audit("notebook-read") if row.person_id == bob.person.id]
    assert [(row.via, row.detail["how"], row.detail["version"], row.detail["hidden"]) for row in rows] == [
        ("reader", "lab", 1, 0)
    ]


def test_more_than_a_page_is_listed_a_page_at_a_time(ann: Desk, bob: Desk) -> None:
    for number in range(52):
        share(ann, ann.saves("x", path=f"{number}.ipynb"), "person", bob.person.id)
    first, rest = (listed(bob, f"?from={begins}") for begins in (0, 50))
    assert [(len(each["notebooks"]), each["more"]) for each in (first, rest)] == [(50, True), (2, False)]
    assert len({each["notebook"] for page in (first, rest) for each in page["notebooks"]}) == 52


def test_outputs_are_those_that_may_be_seen_now(ann: Desk, bob: Desk) -> None:
    """F02."""
    ann.asks(CITIES, "k1")
    saved = ann.saves("Berlin", kernel="k1")
    share(ann, saved, "person", bob.person.id)
    assert sees(bob, saved) == [NOT_KNOWN]
    bob.swap.set_groups(bob.person, "analysts")
    assert sees(bob, saved) == [NO_CITIES]
    before = asked(bob, saved[0]).json()
    bob.swap.set_groups(bob.person, "analysts", "data-privacy")
    assert sees(bob, saved) == ["Berlin"]
    after = asked(bob, saved[0]).json()
    assert (before["hidden"], after["hidden"]) == (1, 0)
    assert before["key"] != after["key"], "an open page hears that it shows something else now"


def test_of_a_hidden_output_nothing_is_sent_by_which_it_could_be_guessed(ann: Desk, bob: Desk) -> None:
    ann.asks(CITIES, "k1")
    saved = ann.saves("42", kernel="k1")
    share(ann, saved, "person", bob.person.id)
    guesses = [saves.notebook("000", outputs={0: [notebooks.printed(str(number))]}) for number in range(40, 45)]
    names = [content.take_apart(guess) for guess in guesses]
    digests = {name for taken in names for name in (taken.digest, *taken.parts)} - {names[0].cells[0][1][0]}
    assert newest_digests(ann, saved) & digests, "the guess is right: this is how it is kept"

    sent = asked(bob, saved[0], "/version").content + asked(bob, saved[0]).content
    assert not [name for name in digests if name.encode() in sent]
    bob.swap.set_groups(bob.person, "analysts", "data-privacy")
    sent = asked(bob, saved[0], "/version").content
    assert [name for name in digests if name.encode() in sent], "the control: who may see it is sent it"


def newest_digests(desk: Desk, saved: tuple[str, int]) -> set[str]:
    with desk.swap.database.engine("owner").begin() as conn:
        found = conn.scalars(text("SELECT digest FROM swap.notebook_part WHERE notebook_id = :id"), {"id": saved[0]})
        return {each.hex() for each in found}


def test_the_key_of_what_is_hidden_says_nothing_of_it(ann: Desk, bob: Desk) -> None:
    """It is on the page too: from a digest of the content whoever knows the rest could guess what is hidden."""
    ann.asks(CITIES, "k1")
    saved = ann.saves("42", kernel="k1")
    share(ann, saved, "person", bob.person.id)
    key = asked(bob, saved[0]).json()["key"]
    with bob.web.begin() as conn:
        seen = shown.look(conn, ann.swap.settings.policy, bob.principal, saved[0], datetime.now(UTC))
    guessed = json.dumps([seen.opened.kept.digest, sorted((n, e.datasets, e.ask) for n, e in seen.hidden.items())])
    assert key == seen.key
    assert key != content.digest(guessed.encode())


def test_the_state_of_controls_stays_with_its_owner(ann: Desk, bob: Desk) -> None:
    document = saves.notebook("one", widgets={"state": "secret"}, title="kept")
    saved = (str(ann.home.save(document).json()["notebook"]), 1)
    share(ann, saved, "person", bob.person.id)
    assert read(asked(bob, saved[0], "/version"))[1]["metadata"] == {"title": "kept"}


@pytest.mark.parametrize("step", ["", "/version", "/beside"])
def test_without_a_share_there_is_no_such_notebook(ann: Desk, bob: Desk, step: str) -> None:
    """F01, F05, F06: never shared, over, of a group that was left, ended, deleted."""
    saved = ann.saves("x")
    none = asked(bob, "0" * 20, step)
    assert (none.status_code, none.json()["error"]["title"]) == (404, NOWHERE)

    def is_as_none() -> None:
        answer = asked(bob, saved[0], step)
        assert (answer.status_code, answer.content) == (none.status_code, none.content)
        assert listed(bob)["notebooks"] == []

    is_as_none()
    share(ann, saved, "person", bob.person.id, datetime.now(UTC) - timedelta(seconds=1))
    is_as_none()
    unshare(ann, saved)
    share(ann, saved, "group", "readers")
    assert asked(bob, saved[0], step).status_code == 200, "the control"
    bob.swap.set_groups(bob.person)
    is_as_none()
    bob.swap.set_groups(bob.person, "readers")
    assert asked(bob, saved[0], step).status_code == 200
    unshare(ann, saved)
    is_as_none()
    share(ann, saved, "everyone", "")
    assert asked(bob, saved[0], step).status_code == 200
    ann.home.ask("DELETE", "/v1/notebooks?path=a.ipynb")
    is_as_none()


def test_it_is_this_look_that_hides_them(ann: Desk, bob: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """F02, with the defence switched off."""
    ann.asks(CITIES, "k1")
    saved = ann.saves("Berlin", kernel="k1")
    share(ann, saved, "everyone", "")
    assert sees(bob, saved) == [NOT_KNOWN]
    monkeypatch.setattr(sight, "_verdicts", lambda *given: dict.fromkeys(given[-1]))
    assert sees(bob, saved) == ["Berlin"]


@pytest.mark.parametrize("notebook_id", ["..", "%2e%2e", "%00", "a%2Fb", "x" * 65, "%ff", "'", "catalog"])
def test_what_no_id_can_be_is_no_notebook(bob: Desk, notebook_id: str) -> None:
    for step in ("", "/version", "/beside"):
        assert asked(bob, notebook_id, step).status_code == 404


@pytest.mark.parametrize("via", [Via.KERNEL, Via.PORTAL, Via.SERVER])
@pytest.mark.parametrize("path", ["/v1/shared", "/v1/shared/{}", "/v1/shared/{}/version", "/v1/shared/{}/beside"])
def test_no_other_power_reads_them(ann: Desk, bob: Desk, via: Via, path: str) -> None:
    saved = ann.saves("x")
    share(ann, saved, "everyone", "")
    reader = Reader(bob)
    assert reader.ask(path.format(saved[0])).status_code == 200, "the control"
    reader.token = bob.person.token(via)
    assert reader.ask(path.format(saved[0])).status_code == 403
    reader.token = bob.home.credential
    assert reader.ask(path.format(saved[0])).status_code == 401


def test_the_power_to_read_them_does_nothing_else(bob: Desk) -> None:
    headers = {"authorization": f"Bearer {Reader(bob).new_token().json()['token']}"}
    save = saves.body(saves.notebook("one"))
    assert bob.home.ask("PUT", "/v1/notebooks", content=save).status_code == 200, "the control"
    assert bob.home.ask("PUT", "/v1/notebooks", content=save, headers=headers).status_code == 403
    assert bob.home.ask("POST", "/v1/queries", json={"statement": "SELECT 1"}, headers=headers).status_code == 403
    assert bob.home.ask("GET", "/v1/catalog", headers=headers).status_code == 403


@pytest.mark.parametrize("via", [Via.KERNEL, Via.PORTAL])
def test_no_other_key_makes_a_token_that_reads(ann: Desk, bob: Desk, via: Via) -> None:
    here, reader, saved = bob.swap.runtime, Reader(bob), ann.saves("x")
    share(ann, saved, "everyone", "")
    keys = {Via.KERNEL: here.kernel_key, Via.PORTAL: here.portal_key}
    reader.token = bob.person.token(Via.READER, key=here.server_key)
    assert reader.ask(f"/v1/shared/{saved[0]}").status_code == 200, "the control"
    reader.token = bob.person.token(Via.READER, key=keys[via])
    assert reader.ask(f"/v1/shared/{saved[0]}").status_code == 401


def test_anothers_server_reads_what_is_its_own_persons(ann: Desk, bob: Desk) -> None:
    saved = ann.saves("x")
    share(ann, saved, "person", bob.person.id)
    eve = Desk(ann.swap, "eve", "analysts", "data-privacy")
    assert asked(bob, saved[0]).status_code == 200
    assert asked(eve, saved[0]).status_code == 404
    assert listed(eve, f"?person_id={bob.person.id}")["notebooks"] == []


@pytest.mark.parametrize("step", ["", "/version", "/beside"])
def test_a_servers_token_does_not_read_what_is_its_persons_own(ann: Desk, step: str) -> None:
    answer = asked(ann, ann.saves("x")[0], step)
    assert (answer.status_code, answer.json()["error"]["title"]) == (404, "This notebook is yours.")


@pytest.mark.parametrize("step", ["", "/version", "/beside"])
def test_who_signed_out_reads_nothing(ann: Desk, bob: Desk, step: str) -> None:
    saved = ann.saves("x")
    share(ann, saved, "everyone", "")
    reader = Reader(bob)
    reader.token = reader.new_token().json()["token"]
    assert reader.ask(f"/v1/shared/{saved[0]}{step}").status_code == 200
    with bob.swap.database.engine("owner").begin() as conn:
        conn.execute(text("UPDATE swap.sign_in SET ended_at = now() WHERE person_id = :id"), {"id": bob.person.id})
    assert reader.ask(f"/v1/shared/{saved[0]}{step}").status_code == 401
    assert reader.new_token().status_code == 401


@pytest.mark.parametrize("number", [2, 10**9])
def test_a_version_that_there_is_not_is_no_notebook(ann: Desk, bob: Desk, number: int) -> None:
    saved = ann.saves("x")
    share(ann, saved, "everyone", "")
    assert asked(bob, saved[0], "?version=1").json()["shown"] == 1
    assert asked(bob, saved[0], f"?version={number}").status_code == 404
