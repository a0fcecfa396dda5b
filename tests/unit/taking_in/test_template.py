"""Queries that str.format filled become statements with parameters, or are refused with why."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from swap.taking_in.updater.config import Left
from swap.taking_in.updater.template import Statement, translate

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)


def values(made: Statement, **explode: str) -> dict[str, Any]:
    """Return the parameters' values, as the notebook's Python makes them."""
    return {name: eval(python, {"start": START, "end": END, **explode}) for name, python in made.params.items()}


def old(template: str, **explode: str) -> str:
    """Return the statement that reportupdater would have sent."""
    known = {
        "from_timestamp": START.strftime("%Y%m%d%H%M%S"),
        "to_timestamp": END.strftime("%Y%m%d%H%M%S"),
        "from_date": START.strftime("%Y-%m-%d"),
        "to_date": END.strftime("%Y-%m-%d"),
        "year": START.year,
        "month": START.month,
        "day": START.day,
    }
    return template.format(**known, **explode)


def new(made: Statement, **explode: str) -> str:
    """Return the statement with its values where they stand, for what holds no text of several kinds."""
    text = made.text
    for word, placeholder in made.names.items():
        text = text.replace(word, explode[placeholder])
    for name, value in values(made, **explode).items():
        text = re.sub(rf":{name}\b", f"'{value}'" if isinstance(value, str) else str(value), text)
    return text


@pytest.mark.parametrize(
    "template",
    [
        "SELECT DATE('{from_timestamp}') AS date, COUNT(*) AS n FROM page WHERE ts >= '{from_timestamp}' AND ts < '{to_timestamp}'",
        "SELECT '{from_date}' AS `date`, wiki FROM event.usage WHERE year = {year} AND month = {month} AND day = {day}",
        "SELECT DATE('{from_timestamp}') AS date, COUNT(*) AS {wiki} FROM {wiki}.page",
        "SELECT 1 FROM `{wiki}`.page WHERE db = '{wiki}' AND ts > {from_timestamp}",
        "SELECT 1 FROM page_{wiki} WHERE title LIKE '%{wiki}%' AND d = '{from_date} 00:00:00'",
        "SELECT 1 FROM t WHERE d = '{year}-{month:02d}-{day:02}'",
        "SELECT 1 FROM t WHERE ns = {ns} AND name = 'ns{ns}'",
        "SELECT 1 FROM {wiki}{ns}, a{ns}{wiki}",
        "SELECT '{{' AS open, REPLACE(x, '}}', '') FROM t WHERE y = '{wiki}'",
        "SELECT 1 # it's {wiki}\nFROM t -- '{from_date}\nWHERE y = '{wiki}' /* {{ } */".replace("} */", "}} */"),
    ],
)
def test_a_statement_means_what_reportupdater_sent(template: str) -> None:
    given = {"wiki": "dewiki", "ns": "14"}
    made = translate(template, {"wiki": ("dewiki", "frwiki"), "ns": ("0", "14")})
    sent = re.sub(r"# it's.*|-- '.*|/\*.*\*/", "", old(template, **given))
    assert re.sub(r"# it's.*|-- '.*|/\*.*\*/", "", new(made, **given)).strip() == sent.strip()


def test_values_are_parameters_and_each_stands_once() -> None:
    made = translate("SELECT '{from_date}', '{from_date}', '{to_date}', {year}, '{year}'", {})
    assert made.text == "SELECT :from_date, :from_date, :to_date, :year, :year_2"
    assert values(made) == {"from_date": "2026-03-01", "to_date": "2026-04-01", "year": 2026, "year_2": "2026"}


def test_weakness_5_a_value_is_never_read_as_sql() -> None:
    """Values were pasted into SQL unescaped: what is text here stays text, whatever it says."""
    made = translate("SELECT 1 FROM t WHERE name = '{team}'", {"team": ("x' OR '1'='1", "plain")})
    assert made.text == "SELECT 1 FROM t WHERE name = :team"
    assert values(made, team="x' OR '1'='1") == {"team": "x' OR '1'='1"}


def test_weakness_5_braces_stand_once() -> None:
    made = translate("SELECT json_extract(x, '$.{{a}}') FROM t WHERE w = '{wiki}'", {"wiki": ("dewiki",)})
    assert made.text == "SELECT json_extract(x, '$.{a}') FROM t WHERE w = :wiki"


def test_names_that_begin_with_digits_get_their_quotes() -> None:
    made = translate("SELECT a.2017_on, 1e5, 0x1F, 1_000, x2_y AS 0_to_2 FROM {wiki}2_b", {"wiki": ("dewiki",)})
    assert made.text == "SELECT a.`2017_on`, 1e5, 0x1F, 1_000, x2_y AS `0_to_2` FROM name_1_wiki2_b"


def test_a_word_for_a_name_is_none_that_stands_there() -> None:
    made = translate("SELECT name_1_wiki FROM {wiki}.page", {"wiki": ("dewiki",)})
    assert made.text == "SELECT name_1_wiki FROM name_1_wiki_.page"


def test_a_parameter_is_none_that_stands_there() -> None:
    made = translate("SELECT a[1:wiki] FROM t WHERE w = '{wiki}'", {"wiki": ("dewiki",)})
    assert made.text == "SELECT a[1:wiki] FROM t WHERE w = :wiki_2"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("SELECT {to_date}", "is a subtraction"),
        ("SELECT 1 FROM t_{year}", "which table it reads changes"),
        ("SELECT {nothing}", "which nothing gives a value"),
        ("SELECT {0}", "which nothing gives a value"),
        ("SELECT '{wiki.name}'", "which nothing gives a value"),
        ("SELECT '{wiki!r}'", "a format that is not known"),
        ("SELECT '{month:>9}'", "a format that is not known"),
        ("SELECT 'it''s {wiki}'", "a sign that is escaped"),
        (r"SELECT 'a\n{wiki}'", "a sign that is escaped"),
        ("SELECT 1 FROM {team}.t", "can be none without quotes"),
        ("SELECT '{' || '}'", "has no partner"),
        ("SELECT }", "has no partner"),
        ("x" * 70_000, "bytes"),
    ],
)
def test_what_cannot_be_translated_is_refused_with_why(template: str, why: str) -> None:
    with pytest.raises(Left, match=re.escape(why)):
        translate(template, {"wiki": ("dewiki",), "team": ("a-team", "b; DROP TABLE x")})
