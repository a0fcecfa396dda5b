"""Reports as they become notebooks: each cell runs, asks what reportupdater asked, and shows rows for its file.

On folders in the manner of Wikimedia's own: browser, page-creation, codemirror.  Of the nine weaknesses of reportupdater
that tests here and beside name, the eighth is no report's: what may be published.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from swap import content
from swap.reports.tsv import Unit
from swap.settings import Settings
from swap.taking_in.updater import config
from swap.taking_in.updater.__main__ import Folder, Planned, chosen_of, plan
from swap.taking_in.updater.config import Left

FOLDERS = Path(__file__).parents[2] / "updater"
SOURCES = Settings.model_validate(
    {
        "state": "/x",
        "sources": {
            "lake": {"kind": "files", "root": "/x/lake"},
            "hive": {"kind": "hive", "servers": ["h:1"], "user": "swap"},
            "wikis": {"kind": "mysql", "host": "h", "user": "swap"},
        },
    }
).sources
START, END = datetime(2026, 9, 6, tzinfo=UTC), datetime(2026, 9, 13, tzinfo=UTC)


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Iterator[Folder]:
    opened = Folder(FOLDERS / request.param)
    yield opened
    opened.close()


def planned(folder: Folder, chosen: dict[str, str] | None = None) -> dict[str, Planned]:
    text = folder.read("config.yaml", config.CONFIG_BYTES)
    assert text is not None
    found = config.read(text, folder.lines)
    assert (found.left, found.notes) == ((), ())
    return {each.key: plan(each, folder, "metrics", SOURCES, chosen or {}) for each in found.entries}


class Kernel:
    """Runs the cells of a notebook, with a `swap` that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], str | None]] = []
        self.files: list[dict[str, str]] = []
        self.named: dict[str, Any] = {}

    def run(self, document: dict[str, Any]) -> Kernel:
        content.take_apart(document)
        for cell in document["cells"]:
            if cell["cell_type"] != "code":
                continue
            if cell["source"].startswith("%%swap"):
                line, _, statement = cell["source"].partition("\n")
                words = line.split()
                dialect = words[2] if "--dialect" in words else None
                params = {name: value for name, value in self.named.items() if f":{name}" in statement}
                self.named[words[-1]] = self._sql(statement, params, dialect=dialect)
            else:
                exec(cell["source"].replace("import swap\n", ""), self.named | {"swap": self}, self.named)
        return self

    @property
    def period(self) -> Any:
        return SimpleNamespace(or_last=lambda _unit: SimpleNamespace(start=START, end=END))

    def sql(self, statement: str, params: dict[str, Any] | None = None, *, dialect: str | None = None) -> object:
        return self._sql(statement, params or {}, dialect=dialect)

    def _sql(self, statement: str, params: dict[str, Any], *, dialect: str | None) -> object:
        self.asked.append((statement.strip(), params, dialect))
        return statement

    def data_file(self, rows: object, **values: str) -> None:
        assert rows
        self.files.append(values)


@pytest.mark.parametrize("folder", ["browser"], indirect=True)
def test_weekly_shares_of_one_source_in_swaps_own_sql(folder: Folder) -> None:
    made = planned(folder, {"lake": "lake"})
    assert list(made) == ["all_sites_by_access_method", "all_sites_by_access_method_percent", "desktop_by_country", "mobile_by_country", "all_sites_by_browser"]  # fmt: skip
    first = made["all_sites_by_access_method"]
    assert (str(first.schedule), first.dialect, first.entry.unit) == ("week 1 00:00 7", "", Unit.WEEKS)
    kernel = Kernel().run(first.document)
    ((statement, params, dialect),) = kernel.asked
    assert "FROM lake.wmf.pageview_hourly" in statement
    assert (params, dialect) == ({"from_date": "2026-09-06", "to_date": "2026-09-13"}, None)
    assert kernel.files == [{}]
    kernel = Kernel().run(made["mobile_by_country"].document)
    assert kernel.asked[0][1] == {"access": "mobile web", "from_date": "2026-09-06", "to_date": "2026-09-13"}
    assert kernel.files == [{"access": "mobile web"}]


@pytest.mark.parametrize("folder", ["page-creation"], indirect=True)
def test_a_report_of_each_wiki_asks_each(folder: Folder) -> None:
    made = planned(folder)["pagecreations_main_bots"]
    kernel = Kernel().run(made.document)
    assert [each[2] for each in kernel.asked] == ["mysql", "mysql"]
    first, second = (each[0] for each in kernel.asked)
    assert "COUNT(*) AS dewiki\nFROM wikis.dewiki.revision\nJOIN wikis.dewiki.page ON" in first
    assert first.replace("dewiki", "frwiki") == second
    assert kernel.asked[0][1] == {"from_timestamp": "20260906000000", "to_timestamp": "20260913000000"}
    assert kernel.files == [{"wiki_db": "dewiki"}, {"wiki_db": "frwiki"}]


@pytest.mark.parametrize("folder", ["codemirror"], indirect=True)
def test_hive_and_mysql_each_in_its_own_words(folder: Folder) -> None:
    made = planned(folder)
    toggles = Kernel().run(made["toggles"].document)
    ((statement, params, dialect),) = toggles.asked
    assert "FROM hive.event.CodeMirrorUsage" in statement
    assert "FROM counted" in statement
    assert (params, dialect) == ({"year": 2026, "month": 9, "day": 6, "from_date": "2026-09-06"}, "hive")
    assert "go into `metrics/toggles.tsv`" in made["toggles"].document["cells"][0]["source"]
    users = Kernel().run(made["users_with_highlighting"].document)
    assert "FROM wikis.enwiki.user_properties\nJOIN wikis.enwiki.`user`" in users.asked[2][0]
    head = made["users_with_highlighting"].document["cells"][0]["source"]
    assert "go into `metrics/users_with_highlighting/<wiki_db>.tsv`" in head
    assert [each["wiki_db"] for each in users.files] == ["dewiki", "frwiki", "enwiki"]


@pytest.mark.parametrize("folder", ["browser"], indirect=True)
def test_weakness_6_a_script_is_not_run_and_its_notebook_says_what_is_to_be_written(folder: Folder) -> None:
    """Hive was run by a script whose errors went nowhere; no script is run, and a statement's error ends the run."""
    made = planned(folder, {"lake": "lake"})["all_sites_by_browser"]
    assert made.schedule is None
    said = made.document["cells"][0]["source"]
    assert "It does not run by itself yet**: it is a script" in said
    assert "2>/dev/null | python $3/pivot.py" in said
    assert "swap.data_file(rows)" in said
    assert Kernel().run(made.document).asked == []


@pytest.mark.parametrize("folder", ["codemirror"], indirect=True)
def test_weakness_7_a_notebook_says_of_which_query_it_is(folder: Folder) -> None:
    """Nothing told which code had made a row; a run has a version, and the version says where it came from."""
    said = planned(folder)["toggles"].document["cells"][0]["source"]
    query = folder.text("hive/toggles.hql", 9_999)
    assert query is not None
    assert (
        f"`codemirror/config.yaml`, query `hive/toggles.hql` (SHA-256 `{content.digest(query.encode())[:16]}…`)" in said
    )


@pytest.mark.parametrize("folder", ["codemirror"], indirect=True)
def test_weakness_9_no_numbers_are_where_a_correction_does_not_come(folder: Folder) -> None:
    """Graphite kept what was wrong: only new days were sent.  A run's rows are in one file, and one that corrects them replaces them there."""
    made = planned(folder)["toggles"]
    assert made.entry.sends
    head, *cells = [cell["source"] for cell in made.document["cells"]]
    assert "Its numbers went to Graphite as well; they do not any more." in head
    assert not [each for each in cells if "graphite" in each.casefold()]
    assert Kernel().run(made.document).files == [{}]


def test_what_cannot_be_translated_is_a_notebook_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "databases: {a: {db: log}}\nreports: {one: {db: a, granularity: days, starts: 2026-01-01}}"
    )
    (tmp_path / "one.sql").write_text("SELECT {from_date}, '```'")
    made = planned(Folder(tmp_path))["one"]
    assert made.schedule is None
    assert "is a subtraction" in made.why
    assert "````sql\nSELECT {from_date}, '```'\n````" in made.document["cells"][0]["source"]


def test_nothing_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.sql").write_text("SELECT 'secret'")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.sql").symlink_to(tmp_path / "secret.sql")
    (inside / "folder").symlink_to(tmp_path)
    folder = Folder(inside)
    assert folder.text("../secret.sql", 99) is None
    for path in ("link.sql", "folder/secret.sql"):
        with pytest.raises(Left, match="cannot be read"):
            folder.text(path, 99)
    (inside / "control.sql").write_text("SELECT 1")
    assert folder.text("control.sql", 99) == "SELECT 1"
    with pytest.raises(Left, match="more than 3 bytes"):
        folder.text("control.sql", 3)


@pytest.mark.parametrize("folder", ["page-creation"], indirect=True)
def test_a_source_is_chosen_where_there_are_several(folder: Folder) -> None:
    two = SOURCES | {"others": SOURCES["wikis"]}
    text = folder.read("config.yaml", 9_999)
    assert text is not None
    entry = config.read(text, folder.lines).entries[0]
    with pytest.raises(Left, match="Say --source wikis=SOURCE"):
        plan(entry, folder, "metrics", two, {})
    assert plan(entry, folder, "metrics", two, chosen_of(["wikis=others"])).dialect == "mysql"
    with pytest.raises(Left, match="nowhere is no source"):
        plan(entry, folder, "metrics", two, {"wikis": "nowhere"})
