"""reportupdater's configuration is read as it was meant, and what is not known is named with the nearest."""

from __future__ import annotations

from datetime import date

import pytest

from swap.errors import Invalid
from swap.reports.tsv import Unit
from swap.taking_in.updater.config import Config, Database, Entry, Kind, Left, read

FILES = {"wikis.txt": ["dewiki", "", "frwiki", "dewiki"]}
WHOLE = """
graphite: {host: graphite.example, port: 2003}
databases:
  store: {host: db.example, port: 3306, creds_file: /etc/x, db: log}
  wikis: {auto_find_db_shard: true, wiki_db_placeholder: wiki_db, creds_file: /etc/x}
defaults: {db: wikis, group: publishers}
reports:
  toggles:
    type: hive
    granularity: days
    starts: 2026-01-16
    lag: 18000
    execute: hive/toggles
    graphite: {path: "{_metric}", metrics: {a: b}}
  prefs:
    granularity: weeks
    starts: "2026-01-18"
    explode_by: {wiki_db: wikis.txt, team: "a team, b"}
    max_data_points: 12
  creations: {granularity: months, starts: 2026-01-01, db: store, funnel: true, frequency: days}
"""


def config(text: str) -> Config:
    return read(text.encode(), FILES.get)


def report(text: str) -> Config:
    return config(f"databases: {{log: {{db: log}}}}\ndefaults: {{db: log}}\nreports:\n  one: {text}\n")


def test_a_configuration_is_read() -> None:
    found = config(WHOLE)
    assert (found.left, found.notes) == ((), ())
    toggles, prefs, creations = found.entries
    assert toggles == Entry(
        "toggles", Kind.HIVE, Unit.DAYS, date(2026, 1, 16), 18_000, "hive", Database(), {}, None,
        "hive/toggles.hql", "publishers", sends=True,
    )  # fmt: skip
    assert prefs.explode == {"team": ("a team", "b"), "wiki_db": ("dewiki", "frwiki")}
    assert (prefs.combinations, prefs.most, prefs.database) == (4, 12, Database(placeholder="wiki_db"))
    assert (creations.database, creations.query, creations.unit) == (Database("log"), "creations.sql", Unit.MONTHS)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{granularty: days, starts: 2026-01-01}", "granularty is not known here. Did you mean granularity?"),
        ("{starts: 2026-01-01}", "it has no granularity"),
        ("{granularity: hours, starts: 2026-01-01}", "granularity is hours; it can be days, weeks, months"),
        ("{granularity: days}", "starts must be a day, as 2026-03-01"),
        ("{granularity: days, starts: 2026-01-01, lag: soon}", "lag must be a whole number from 0 on"),
        ("{granularity: days, starts: 2026-01-01, lag: true}", "lag must be a whole number from 0 on"),
        (
            "{granularity: days, starts: 2026-01-01, max_data_points: 0}",
            "max_data_points must be a whole number from 1",
        ),
        (
            "{granularity: days, starts: 2026-01-01, db: lgo}",
            "the database lgo is not among the databases. Did you mean",
        ),
        ("{granularity: days, starts: 2026-01-01, execute: ../secret}", "execute must name a file of the folder"),
        ("{granularity: days, starts: 2026-01-01, execute: /etc/x}", "execute must name a file of the folder"),
        ("{granularity: days, starts: 2026-01-01, explode_by: {w: '../x, b'}}", "cannot be a file's name here"),
        ("{granularity: days, starts: 2026-01-01, explode_by: {w: '.x'}}", "cannot be a file's name here"),
        ("{granularity: days, starts: 2026-01-01, explode_by: {import: 'a, b'}}", "cannot be a placeholder here"),
        ("{granularity: days, starts: 2026-01-01, explode_by: {year: 'a, b'}}", "cannot be a placeholder here"),
        ("{granularity: days, starts: 2026-01-01, type: perl}", "type is perl; it can be sql, hive, script"),
        ("yes", "is no list of keys"),
    ],
)
def test_a_report_that_cannot_be_read_is_named_with_why(text: str, why: str) -> None:
    found = report(text)
    assert found.entries == ()
    ((key, said),) = found.left
    assert key == "one"
    assert why in said


def test_a_name_that_leads_elsewhere_is_no_report() -> None:
    """J03: a report's file is called as the report."""
    found = config("reports:\n  ../../etc/x: {type: hive, granularity: days, starts: 2026-01-01}\n")
    assert found.left == (("../../etc/x", "its name cannot be a file's name here"),)


def test_what_is_not_known_beside_reports_is_noted() -> None:
    found = config(
        "defualts: {}\ndatabases: {a: {hots: x}}\nreports: {a: {type: hive, granularity: days, starts: 2026-01-01}}\n"
    )
    assert found.notes == (
        "defualts was not read: Did you mean defaults?",
        "databases.a.hots was not read: Did you mean host?",
    )


def test_a_reason_says_nothing_to_the_terminal() -> None:
    found = report('{"\\e]0;mine\\a": 1}')
    assert found.left[0][1].startswith("·]0;mine· is not known here.")
    assert str(Left("{\x1b[2J} is unknown")) == "{·[2J} is unknown"


def test_too_many_files_are_refused() -> None:
    many = ", ".join(f"v{number}" for number in range(100))
    found = report(f"{{granularity: days, starts: 2026-01-01, explode_by: {{a: '{many}', b: '{many}'}}}}")
    assert "makes 10,000 files of it" in found.left[0][1]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("reports: {}", "it has no reports"),
        ("- a", "it is no YAML with names"),
        ("reports: {a: 1, a: 2}", "a stands there twice"),
        ("reports: {a: {<<: {b: 1}}}", "<< is not followed"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nreports: {c: {explode_by: {w: *b}}}", "* is not followed"),
        ("reports: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("reports: [", "line 1"),
        ("[" * 5_000, "nested too deeply"),
        ("a" * 1_000_001, "more than 1,000,000 bytes"),
        ("\0", "special characters"),
        ("reports: {a: 2026-99-99}", "month"),
    ],
)
def test_what_is_no_configuration_is_refused(text: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        config(text)
    assert why in refused.value.problem.why
