"""Outputs in notebooks are seen by those who may read what they come from, as the gateway recorded it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text

import notebooks
import saves
from integration.gateway.desks import (
    CITIES,
    COUNTRIES,
    NEVER_RECORDED,
    NO_CITIES,
    NOT_KNOWN,
    SECRET,
    Desk,
    newest,
    told,
)
from integration.gateway.gateways import POLICY, Gateway
from swap.db.notebook_tables import notebook_lineage, notebook_part
from swap.db.tables import kernel_read
from swap.errors import NotFound, NotSignedIn
from swap.identity import Principal, Via
from swap.notebooks import history, sight
from swap.notebooks.sight import UNNAMED, Hidden


@pytest.fixture
def ann(shared: Gateway) -> Desk:
    return Desk(shared, "ann", "analysts", "data-privacy")


@pytest.fixture
def bob(shared: Gateway) -> Desk:
    return Desk(shared, "bob", "readers")


def test_outputs_are_seen_with_the_rights_of_this_moment(ann: Desk, bob: Desk) -> None:
    """F02: who may not read a column sees the code, and in place of the output its table and whom to ask."""
    ann.asks(CITIES, "k1")
    saved = ann.saves("Berlin", kernel="k1")
    bob.swap.set_groups(bob.person, "analysts")
    assert bob.sees(saved) == [NO_CITIES]
    bob.swap.set_groups(bob.person, "analysts", "data-privacy")
    assert bob.sees(saved) == ["Berlin"]
    bob.swap.set_groups(bob.person, "analysts")
    assert bob.sees(saved) == [NO_CITIES]
    assert ann.sees(saved) == ["Berlin"]
    ann.swap.set_groups(ann.person)
    assert ann.sees(saved) == ["Berlin"], "it lies in their home"


def test_it_is_this_look_that_hides_them(ann: Desk, bob: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """F02, with the defence switched off."""
    ann.asks(CITIES, "k1")
    saved = ann.saves("Berlin", kernel="k1")
    assert bob.sees(saved) == [NOT_KNOWN]

    monkeypatch.setattr(sight, "_verdicts", lambda *given: dict.fromkeys(given[-1]))

    assert bob.sees(saved) == ["Berlin"]


def test_who_may_not_know_of_a_table_is_not_told_of_it(ann: Desk, bob: Desk) -> None:
    ann.asks(SECRET, "k1")
    ann.asks(CITIES, "k1")
    saved = ann.saves("hunter2", kernel="k1")
    bob.swap.set_groups(bob.person, "analysts")
    assert bob.sees(saved) == [Hidden(("lake.wmf.pageview_hourly", UNNAMED), "data-platform, data-privacy")]


def test_who_may_not_act_any_more_sees_nothing(ann: Desk, bob: Desk) -> None:
    ann.asks("SELECT 1 AS one", "k1")
    saved = ann.saves("1", kernel="k1")
    assert bob.sees(saved) == ["1"]
    with bob.swap.database.engine("owner").begin() as conn:
        conn.execute(text("UPDATE swap.sign_in SET ended_at = now() WHERE person_id = :id"), {"id": bob.person.id})
    with pytest.raises(NotSignedIn):
        bob.sees(saved)


def test_a_part_comes_from_what_its_kernel_had_read_by_then(ann: Desk, bob: Desk) -> None:
    ann.asks(COUNTRIES, "k1")
    ann.asks(CITIES, "k2")
    first = ann.saves("Germany", kernel="k1")
    ann.asks(CITIES, "k1")
    second = ann.saves("Germany", "Berlin", kernel="k1", base=1)
    assert bob.sees(first) == ["Germany"]
    assert bob.sees(second) == ["Germany", NOT_KNOWN]


def test_a_kernel_keeps_what_it_read_when_its_runs_are_forgotten(ann: Desk, bob: Desk) -> None:
    ann.asks(CITIES, "k1")
    with ann.swap.database.engine("owner").begin() as conn:
        conn.execute(text("DELETE FROM swap.query_run WHERE person_id = :id"), {"id": ann.person.id})
        conn.execute(text("UPDATE swap.kernel_read SET last_at = last_at - interval '900 days'"))
    assert bob.sees(ann.saves("Berlin", kernel="k1")) == [NOT_KNOWN]


@pytest.mark.parametrize("kernel", ["", "k9", "bobs"])
def test_outputs_of_no_kernel_of_theirs_come_from_all_that_their_author_read_lately(
    ann: Desk, bob: Desk, kernel: str
) -> None:
    bob.asks(COUNTRIES, "bobs")
    ann.asks(CITIES, "k1")
    assert bob.sees(ann.saves("Berlin", kernel=kernel)) == [NOT_KNOWN]
    with ann.swap.database.engine("owner").begin() as conn:
        long_ago = datetime.now(UTC) - timedelta(days=91)
        conn.execute(kernel_read.update().where(kernel_read.c.person_id == ann.person.id).values(last_at=long_ago))
    assert bob.sees(ann.saves("Paris", kernel=kernel, base=1)) == ["Paris"]


def test_outputs_may_be_of_a_kernel_that_was_put_away_before_they_were_saved(ann: Desk, bob: Desk) -> None:
    ann.asks(CITIES, "k1")
    for kernel in ("k2", "k3"):
        ann.asks(COUNTRIES, kernel)
    assert bob.sees(ann.saves("Germany", kernel="k2", kernels="k3")) == ["Germany"]
    assert bob.sees(ann.saves("Berlin", kernel="k2", kernels="k3 k1", base=1)) == [NOT_KNOWN]
    assert bob.sees(ann.saves("Paris", kernel="k2", kernels="k3 k9", base=2)) == [NOT_KNOWN], "one that is not known"


def test_what_something_else_wrote_has_no_kernel(ann: Desk, bob: Desk) -> None:
    ann.asks(CITIES, "k1")
    ann.asks(COUNTRIES, "k2")
    assert bob.sees(ann.saves("Berlin", kernel="k2", kind="found")) == [NOT_KNOWN]


def test_a_cell_that_is_pasted_brings_what_it_comes_from(ann: Desk, bob: Desk) -> None:
    ann.asks(CITIES, "k1")
    ann.asks(COUNTRIES, "k2")
    ann.saves("Berlin", kernel="k1")
    saved = ann.saves("Berlin", "Germany", kernel="k2", path="b.ipynb")
    assert bob.sees(saved) == [NOT_KNOWN, "Germany"]


def test_a_pasted_cell_comes_from_what_is_read_where_it_is_pasted_too(ann: Desk, bob: Desk) -> None:
    ann.asks(COUNTRIES, "k1")
    ann.asks(CITIES, "k2")
    ann.saves("42", kernel="k1")
    assert bob.sees(ann.saves("42", "more", kernel="k2", path="b.ipynb")) == [NOT_KNOWN, NOT_KNOWN]


def test_another_persons_notebook_tells_nothing_of_mine(ann: Desk, bob: Desk) -> None:
    """Whoever makes the same output must not learn from what is hidden that somebody has it, and of what."""
    ann.asks(CITIES, "k1")
    ann.saves("42", kernel="k1")
    bob.asks(COUNTRIES, "k1")
    eve = Desk(ann.swap, "eve", "readers")
    assert eve.sees(bob.saves("42", kernel="k1")) == ["42"]


def test_copies_moves_and_restored_versions_keep_what_they_come_from(ann: Desk, bob: Desk) -> None:
    ann.asks(COUNTRIES, "k1")
    notebook_id, _ = ann.saves("Germany", kernel="k1")
    ann.saves("gone", kernel="k1", base=1)
    ann.asks(CITIES, "k1")
    copied = ann.saves("gone", kernel="k1", path="copy.ipynb", kind="found")
    moved = ann.home.ask("POST", "/v1/notebooks/move", json={"old": "a.ipynb", "new": "b.ipynb"})
    assert moved.json() == {"notebooks": 1}
    with ann.web.begin() as conn:
        server = Principal(ann.person.id, "ann", frozenset(), Via.PORTAL)
        file = history.page(conn, server, "b.ipynb", 9, folded=False).head.file_digest
        number = history.restore(
            conn, POLICY, server, "b.ipynb", 1, lambda: file, lambda _: None, datetime.now(UTC), "restoring"
        )
    again = ann.saves("gone", kernel="k1", path="b.ipynb", base=number)
    assert bob.sees(copied) == ["gone"], "although something else wrote it"
    assert bob.sees((notebook_id, number)) == ["Germany"]
    assert bob.sees(again) == ["gone"]
    assert bob.sees(ann.saves("new", kernel="k1", path="b.ipynb", base=number + 1)) == [NOT_KNOWN]


@pytest.mark.parametrize("way", ["result", "page", "download"])
def test_a_kernel_that_takes_anothers_result_has_read_what_that_did(ann: Desk, bob: Desk, way: str) -> None:
    query_id = ann.asks(CITIES, "k1")
    ann.asks(COUNTRIES, "k2")
    assert bob.sees(ann.saves("Germany", kernel="k2")) == ["Germany"]
    with ann.client("k2") as client:
        assert client.get(f"/v1/queries/{query_id}/{way}").status_code == 200
    assert bob.sees(ann.saves("Berlin", kernel="k2", base=1)) == [NOT_KNOWN]


@pytest.mark.parametrize("giver", ["k1", "never-asked"])
def test_a_table_that_is_brought_along_brings_what_its_kernel_read(ann: Desk, bob: Desk, giver: str) -> None:
    """Of a kernel that never asked nobody knows where it has its table from."""
    ann.asks(CITIES, "k1")
    ann.asks(COUNTRIES, "k2")
    mine = ann.brings(giver)
    assert bob.sees(ann.saves("Germany", kernel="k2")) == ["Germany"]
    ann.asks("SELECT city FROM mine", "k2", tables={"mine": mine})
    assert bob.sees(ann.saves("Berlin", kernel="k2", base=1)) == [NOT_KNOWN]


def test_what_was_never_recorded_is_its_persons_alone(ann: Desk, bob: Desk) -> None:
    ann.asks("SELECT 1 AS one", "k1")
    saved = ann.saves("1", "2", kernel="k1")
    assert bob.sees(saved) == ["1", "2"]
    with ann.swap.database.engine("owner").begin() as conn:
        conn.execute(notebook_lineage.delete().where(notebook_lineage.c.notebook_id == saved[0]))
    assert bob.sees(saved) == [NEVER_RECORDED, NEVER_RECORDED]
    assert ann.sees(saved) == ["1", "2"]


def test_a_cell_that_ran_without_an_output_hides_nothing(ann: Desk, bob: Desk) -> None:
    ann.asks(CITIES, "k1")
    document = saves.notebook("aaa", "bbb", outputs={1: [notebooks.printed("Berlin")]})
    document["cells"][0]["execution_count"] = 7
    answer = ann.home.save(document, kernel_id="k1").json()
    found = bob.document((answer["notebook"], answer["version"]))
    assert [cell["execution_count"] for cell in found["cells"]] == [7, None]
    assert (found["cells"][0]["outputs"], told(found["cells"][1]["outputs"])) == ([], NOT_KNOWN)


def test_what_is_hidden_is_not_read_nor_are_its_pictures(ann: Desk, bob: Desk) -> None:
    ann.asks(CITIES, "k1")
    picture = notebooks.shown({"image/png": notebooks.png(40, 40), "text/plain": "Berlin"})
    document = saves.notebook("aaa", outputs={0: [picture]})
    answer = ann.home.save(document, kernel_id="k1").json()
    saved = answer["notebook"], answer["version"]
    with ann.swap.database.engine("owner").begin() as conn:
        conn.execute(
            text(
                "DELETE FROM swap.notebook_part p USING swap.notebook_version v WHERE p.notebook_id = :id"
                " AND v.notebook_id = p.notebook_id AND p.digest <> v.digest AND p.digest <> :source"
            ),
            {"id": saved[0], "source": bytes.fromhex(newest(ann, saved[0]).cells[0].source)},
        )
        assert conn.scalar(select(func.count()).where(notebook_part.c.notebook_id == saved[0])) == 2
    assert bob.sees(saved) == [NOT_KNOWN]
    with pytest.raises(KeyError):
        ann.sees(saved)


def test_a_notebook_that_was_deleted_is_not_put_together(ann: Desk, bob: Desk) -> None:
    ann.asks("SELECT 1 AS one", "k1")
    saved = ann.saves("1", kernel="k1")
    with pytest.raises(NotFound):
        bob.sees((saved[0], 2))
    assert ann.home.ask("DELETE", "/v1/notebooks?path=a.ipynb").status_code == 200
    with pytest.raises(NotFound):
        bob.sees(saved)
