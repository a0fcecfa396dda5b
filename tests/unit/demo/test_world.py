from __future__ import annotations

import pytest

from swap.demo import describe, flights, world

WIKIS = tuple(world.SIZES)


@pytest.mark.parametrize("database", WIKIS)
def test_every_page_names_its_newest_revision_and_its_length(database: str) -> None:
    tables = world.wiki(database).tables
    revisions = {row["rev_id"]: row for row in tables["revision"].to_pylist()}
    for page in tables["page"].to_pylist():
        newest = revisions[page["page_latest"]]
        assert newest["rev_page"] == page["page_id"]
        assert newest["rev_len"] == page["page_len"]
        assert page["page_touched"] >= newest["rev_timestamp"]


@pytest.mark.parametrize("database", WIKIS)
def test_a_revisions_parent_is_the_one_before_it_of_the_same_page(database: str) -> None:
    last: dict[int, int] = {}
    for row in world.wiki(database).tables["revision"].to_pylist():
        assert row["rev_parent_id"] == last.get(row["rev_page"], 0)
        last[row["rev_page"]] = row["rev_id"]


@pytest.mark.parametrize("database", WIKIS)
def test_users_have_as_many_edits_as_the_revisions_say(database: str) -> None:
    tables = world.wiki(database).tables
    edits = tables["revision"].group_by("rev_actor").aggregate([("rev_id", "count")]).to_pylist()
    counted = {row["rev_actor"]: row["rev_id_count"] for row in edits}
    assert all(row["user_editcount"] == counted.get(row["user_id"], 0) for row in tables["user"].to_pylist())
    assert tables["user"]["user_name"].to_pylist() == tables["actor"]["actor_name"].to_pylist()
    assert len(set(tables["user"]["user_name"].to_pylist())) == tables["user"].num_rows


@pytest.mark.parametrize("database", WIKIS)
def test_titles_are_distinct_and_every_address_is_reserved_for_documentation(database: str) -> None:
    tables = world.wiki(database).tables
    assert len(set(tables["page"]["page_title"].to_pylist())) == tables["page"].num_rows
    assert all(mail.endswith("@example.org") for mail in tables["user"]["user_email"].to_pylist() if mail is not None)


def test_wiki_tables_and_flights_are_described_column_by_column() -> None:
    for name, about in describe.WIKI_TABLES.items():
        assert set(about.columns) == set(world.wiki("enwiki").tables[name].column_names)
        assert set(about.sensitivity) <= set(about.columns)
    for name, about in describe.NYC.items():
        assert list(about.columns) == list(flights.TYPES[name])
