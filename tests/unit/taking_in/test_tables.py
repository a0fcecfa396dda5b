"""Tables are given their source; what SWAP would not run is said before anything is made."""

from __future__ import annotations

import pytest

from swap.taking_in.updater.config import Database, Left
from swap.taking_in.updater.tables import located
from swap.taking_in.updater.template import translate

WIKIS = {"wiki_db": ("dewiki", "frwiki")}


def test_each_table_has_source_and_database() -> None:
    template = (
        "WITH page AS (SELECT page_id FROM page), mine AS (SELECT page_id FROM log.edits)\n"
        "SELECT DATE('{from_timestamp}') AS date, COUNT(*) AS {wiki_db} FROM mine JOIN page USING (page_id) -- FROM page\n"
        "JOIN `user` u ON u.user_id = page_id"
    )
    made = located(translate(template, WIKIS), "mysql", "wikis", Database(placeholder="wiki_db"), WIKIS)
    assert made.text == (
        "WITH page AS (SELECT page_id FROM wikis.name_1_wiki_db.page), mine AS (SELECT page_id FROM wikis.log.edits)\n"
        "SELECT DATE(:from_timestamp) AS date, COUNT(*) AS name_1_wiki_db FROM mine JOIN page USING (page_id) -- FROM page\n"
        "JOIN wikis.name_1_wiki_db.`user` u ON u.user_id = page_id"
    )
    assert made.names == {"name_1_wiki_db": "wiki_db"}


def test_a_database_that_a_placeholder_says_is_a_word_of_its_own() -> None:
    made = located(translate("SELECT 1 FROM page", WIKIS), "mysql", "wikis", Database(placeholder="wiki_db"), WIKIS)
    assert (made.text, made.names) == ("SELECT 1 FROM wikis.name_1_wiki_db.page", {"name_1_wiki_db": "wiki_db"})


@pytest.mark.parametrize(
    ("dialect", "template", "text"),
    [
        (
            "hive",
            "SELECT a.b.c FROM event.usage a WHERE year = {year}",
            "SELECT a.b.c FROM lake.event.usage a WHERE year = :year",
        ),
        ("hive", "SELECT x FROM usage", "SELECT x FROM lake.default.usage"),
        ("", "SELECT x FROM wmf.views;", "SELECT x FROM lake.wmf.views"),
    ],
)
def test_a_name_without_a_database_is_hives_own(dialect: str, template: str, text: str) -> None:
    assert located(translate(template, {}), dialect, "lake", Database(), {}).text == text


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("SELECT SLEEP(9) FROM page", "The function SLEEP"),
        ("SET x = 1", "is not a SELECT"),
        ("SELECT 1 FROM page; SELECT 2 FROM page", "more than one statement"),
        ("SELECT 1 FROM a.b.page", "more than a database's table"),
        ("SELECT 1 FROM page /*! x */", "A comment like this"),
    ],
)
def test_what_swap_does_not_run_is_said(template: str, why: str) -> None:
    with pytest.raises(Left, match=why):
        located(translate(template, {}), "mysql", "wikis", Database("log"), {})


def test_the_name_of_a_database_is_a_name() -> None:
    with pytest.raises(Left, match="no database's name"):
        located(
            translate("SELECT 1 FROM page", {"w": ("a b",)}),
            "mysql",
            "wikis",
            Database(placeholder="w"),
            {"w": ("a b",)},
        )
