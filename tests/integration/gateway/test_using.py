"""What a kernel takes of notebooks: at a version that was open to its person, with the rights of this moment."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

import saves
from integration.gateway.desks import CITIES, NO_CITIES, Desk
from integration.gateway.gateways import Gateway
from integration.gateway.test_shared import Reader, share, unshare
from swap import content
from swap.identity import Principal, Via
from swap.notebooks import folders, sharing
from swap.notebooks.shares import Kind, Role, Share


@pytest.fixture
def ann(shared: Gateway) -> Desk:
    return Desk(shared, "ann", "analysts", "data-privacy")


@pytest.fixture
def bob(shared: Gateway) -> Desk:
    return Desk(shared, "bob", "readers")


def used(desk: Desk, name: str, version: int | None = None, kernel: str = "k7") -> httpx.Response:
    with desk.client(kernel) as client:
        query = {"name": name} | ({} if version is None else {"version": version})
        return client.get("/v1/used", params=query)


def output(desk: Desk, saved: tuple[str, int], cell: int = 0, kernel: str = "k7") -> httpx.Response:
    with desk.client(kernel) as client:
        return client.get(f"/v1/used/{saved[0]}/output", params={"version": saved[1], "cell": cell})


def read(answer: httpx.Response) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    assert answer.status_code == 200, answer.text
    line, _, rest = answer.content.partition(b"\n")
    said, parts = json.loads(line), []
    for packed, size in said.pop("parts"):
        parts.append(content.loaded(content.unpacked(rest[:packed], size)))
        rest = rest[packed:]
    assert not rest
    return said, parts


def why(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return " ".join(answer.json()["error"][each] for each in ("title", "why", "todo"))


def save(desk: Desk, name: str, *sources: str, base: int | None = None) -> tuple[str, int]:
    answer = desk.home.save(saves.notebook(*sources), path=name, base=base).json()
    return answer["notebook"], answer["version"]


def named(desk: Desk) -> str:
    """A name that no other test's person has: people are found by it."""
    name = f"ann of {desk.person.id}"
    with desk.swap.database.engine("owner").begin() as conn:
        conn.execute(text("UPDATE swap.person SET name = :name WHERE id = :id"), {"name": name, "id": desk.person.id})
    return name


def test_sources_of_a_version_come_and_stay_as_they_are(ann: Desk, bob: Desk) -> None:
    owner, saved = named(ann), save(ann, "work/my helpers.ipynb", "one = 1", "two = 2")
    share(ann, saved, "person", bob.person.id)
    save(ann, "work/my helpers.ipynb", "one = 11", base=1)

    said, parts = read(used(bob, f"{owner}/my helpers", 1))
    assert said | {"shows": []} == {
        "notebook": saved[0],
        "name": "my helpers",
        "owner": owner,
        "version": 1,
        "newest": 2,
        "shows": [],
        "hidden": [None, None],
    }
    assert [each["source"] for each in parts] == ["one = 1", "two = 2"]
    assert read(used(bob, f"/n/{saved[0]}", 2))[1][0]["source"] == "one = 11"
    assert read(used(bob, f"{owner}/my helpers.ipynb", 2))[0]["version"] == 2
    rows = [row for row in ann.swap.audit("notebook-used") if row.person_id == bob.person.id]
    assert [(row.via, row.detail["version"], row.detail["cell"]) for row in rows] == [
        ("kernel", 1, ""),
        ("kernel", 2, ""),
        ("kernel", 2, ""),
    ]


def test_without_a_version_the_newest_is_named_to_whom_it_is_open(ann: Desk, bob: Desk) -> None:
    owner, saved = named(ann), save(ann, "a.ipynb", "one")
    assert "no notebook" in why(used(bob, f"{owner}/a"), 404)
    share(ann, saved, "person", bob.person.id)
    assert f'Write "{owner}/a@1": 1 is the newest.' in why(used(bob, f"{owner}/a"), 400)


def test_what_is_not_shared_is_as_what_is_not_there(ann: Desk, bob: Desk) -> None:
    owner, saved = named(ann), save(ann, "a.ipynb", "one")
    name = f"{owner}/a"
    nowhere = why(used(bob, f"{owner}/b", 1), 404).replace(f"{owner}/b", name)
    assert why(used(bob, name, 1), 404) == nowhere
    address = why(used(bob, "/n/nosuch", 1), 404)
    assert (why(used(bob, f"/n/{saved[0]}", 1), 404), why(output(bob, saved), 404)) == (address, address)
    share(ann, saved, "person", bob.person.id, datetime.now(UTC) - timedelta(seconds=1))
    assert (why(used(bob, name, 1), 404), why(used(bob, f"/n/{saved[0]}", 1), 404)) == (nowhere, address)
    unshare(ann, saved)
    share(ann, saved, "group", "readers")
    assert read(used(bob, name, 1))
    bob.swap.set_groups(bob.person)
    assert why(used(bob, name, 1), 404) == nowhere


def test_a_version_that_was_replaced_before_the_share_is_its_owners_alone(ann: Desk, bob: Desk) -> None:
    """A password that was taken out before somebody shared a notebook stays theirs."""
    owner, saved = named(ann), save(ann, "a.ipynb", "password = 'x'")
    save(ann, "a.ipynb", "shared = 1", base=1)
    name = f"{owner}/a"
    share(ann, saved, "person", bob.person.id)
    save(ann, "a.ipynb", "later = 1", base=2)
    assert [read(used(bob, name, number))[0]["version"] for number in (2, 3)] == [2, 3]
    assert why(used(bob, name, 1), 404).replace("1", "9") == why(used(bob, name, 9), 404)
    assert why(output(bob, (saved[0], 1)), 404) == why(used(bob, name, 1), 404)
    assert read(used(ann, name, 1))[1][0]["source"] == "password = 'x'"

    # Another role, or another day, changes nothing of it.
    anns = Principal(ann.person.id, "x", frozenset(), Via.PORTAL)
    with ann.web.begin() as conn:
        wanted = Share(Kind.PERSON, bob.person.id, Role.COMMENT, None)
        sharing.share(conn, anns, saved[0], wanted, datetime.now(UTC))
    assert read(used(bob, name, 2))


def test_of_several_with_one_name_the_addresses_are_said(ann: Desk, bob: Desk) -> None:
    owner = named(ann)
    first, second, own = (save(ann, f"{folder}a.ipynb", folder) for folder in ("x/", "y/", ""))
    for each in (first, second):
        share(ann, each, "person", bob.person.id)
    said = why(used(bob, f"{owner}/a", 1), 400)
    assert f"/n/{first[0]}@1" in said
    assert f"/n/{second[0]}@1" in said
    assert own[0] not in said
    assert "x/" not in said
    # A path means something at home alone.
    assert "no notebook" in why(used(bob, f"{owner}/x/a", 1), 404)
    assert read(used(ann, f"{owner}/x/a", 1))[0]["notebook"] == first[0]
    assert read(used(ann, f"{owner}/a", 1))[0]["notebook"] == own[0]


def test_outputs_come_with_the_right_to_their_data_alone(ann: Desk, bob: Desk) -> None:
    """F02."""
    ann.asks(CITIES, "k1")
    saved = ann.saves("Berlin", kernel="k1")
    share(ann, saved, "person", bob.person.id)
    name = f"/n/{saved[0]}"
    assert read(used(bob, name, 1))[0]["hidden"] == [[["data you may not see"], "data-platform"]]
    assert b"Berlin" not in output(bob, saved).content
    bob.swap.set_groups(bob.person, "analysts")
    assert read(used(bob, name, 1))[0]["hidden"] == [[list(NO_CITIES.datasets), NO_CITIES.ask]]
    refused = why(output(bob, saved), 403)
    assert "It comes from lake.wmf.pageview_hourly. Ask data-privacy for access." in refused
    bob.swap.set_groups(bob.person, "analysts", "data-privacy")
    (part,) = read(output(bob, saved))[1]
    assert part["outputs"][0]["text"] == "Berlin"
    bob.swap.set_groups(bob.person, "analysts")
    assert why(output(bob, saved), 403) == refused


def test_what_a_kernel_takes_it_has_read(ann: Desk, bob: Desk) -> None:
    """F02: an output that is computed of another's is not open to whom that is not."""
    ann.asks(CITIES, "k1")
    saved = ann.saves("Berlin", kernel="k1")
    share(ann, saved, "person", bob.person.id)
    bob.swap.set_groups(bob.person, "analysts", "data-privacy")
    bob.asks("SELECT name FROM lake.canonical.countries", "k7")
    before = bob.saves("Germany", kernel="k7", path="before.ipynb")
    assert read(output(bob, saved, kernel="k7"))
    after = bob.saves("Berlin, Germany", kernel="k7", path="after.ipynb")
    carl = Desk(ann.swap, "carl", "analysts")
    assert carl.sees(before) == ["Germany"], "the control"
    assert carl.sees(after) == [NO_CITIES]


def test_an_output_of_ones_own_without_a_record_is_not_taken(ann: Desk) -> None:
    saved = ann.saves("Berlin")
    with ann.swap.database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.notebook_lineage WHERE notebook_id = :id"), {"id": saved[0]})
    assert "Run the notebook, save it, and use that version." in why(output(ann, saved), 403)


def test_a_kernel_reads_no_more_of_it_and_no_other_power_reads_this(ann: Desk, bob: Desk) -> None:
    """F01."""
    saved = save(ann, "a.ipynb", "one")
    share(ann, saved, "person", bob.person.id)
    name = f"/n/{saved[0]}"
    assert read(used(bob, name, 1)), "the control"
    path = f"/v1/used?name={name}&version=1"
    reader = Reader(bob)
    for token in ("", reader.new_token().json()["token"], bob.person.token(Via.PORTAL)):
        reader.token = token or bob.home.token
        assert reader.ask(path).status_code == 403
        assert reader.ask(f"/v1/used/{saved[0]}/output?version=1&cell=0").status_code == 403
    with bob.client("k7") as client:
        assert client.get(f"/v1/shared/{saved[0]}/version").status_code == 403
        for wrong in ("?name=a", f"?name={name}&version=0", f"?name={name}&version={2**31}", "", "?name=%00&version=1"):
            assert client.get(f"/v1/used{wrong}").status_code in {400, 404}
        for wrong in ("version=1&cell=1", "version=1&cell=0", f"version=1&cell={2**70}", "version=2&cell=0"):
            assert client.get(f"/v1/used/{saved[0]}/output?{wrong}").status_code in {400, 404}
        assert client.get("/v1/used/..%2f/output?version=1&cell=0").status_code == 404


def test_of_what_was_moved_into_a_folder_that_is_shared_older_versions_are_its_owners(ann: Desk, bob: Desk) -> None:
    """Nobody could see them where it lay before, whenever it was made and the folder was shared."""
    owner, _ = named(ann), save(ann, "a.ipynb", "password = 'x'")
    anns, theirs = Principal(ann.person.id, "x", frozenset(), Via.PORTAL), Share(Kind.PERSON, bob.person.id, Role.VIEW)
    save(ann, "shared/other.ipynb", "one = 1")
    with ann.web.begin() as conn:
        folders.share(conn, anns, "shared", theirs, datetime.now(UTC))
    save(ann, "a.ipynb", "taken_out = 1", base=1)
    for old, new in (("a.ipynb", "shared/a.ipynb"), ("shared/a.ipynb", "shared/b.ipynb")):
        ann.home.ask("POST", "/v1/notebooks/move", json={"old": old, "new": new}).raise_for_status()
    save(ann, "shared/b.ipynb", "later = 1", base=2)
    assert [read(used(bob, f"{owner}/b", number))[0]["version"] for number in (2, 3)] == [2, 3]
    assert why(used(bob, f"{owner}/b", 1), 404)
