"""What a notebook says it needs: names, versions and hashes, whatever else stands there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from swap.client import locks
from swap.client.installed import Package
from swap.client.locks import Lock

HASH = "a" * 64


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JPY_SESSION_NAME", "/somewhere/else/mine.ipynb")
    return tmp_path / "mine.ipynb"


def document(*said: Any) -> str:
    outputs = [{"output_type": "execute_result", "metadata": {locks.KEY: each}} for each in said]
    return json.dumps({"cells": [{"cell_type": "markdown"}, {"outputs": outputs}], "metadata": {}})


def test_the_last_lock_counts_and_what_is_here_is_not_missing(notebook: Path) -> None:
    old = [{"name": "other", "version": "1"}]
    notebook.write_text(
        document(
            old,
            [{"name": "ownthing", "version": "1.0", "sha256": HASH}, {"name": "pytest", "version": pytest.__version__}],
        )
    )

    assert locks.missing() == (Package("ownthing", "1.0", own=True, sha256=HASH),)
    assert locks.told() == (
        "This notebook needs ownthing 1.0. To install what is missing, run: swap.environment().install()",
    )


@pytest.mark.parametrize(
    "said",
    [
        {"name": "--index-url=http://evil.example", "version": "1"},
        {"name": "x @ http://evil.example/x.whl #", "version": "1"},
        {"name": "x\n--index-url=http://evil.example\ny", "version": "1"},
        {"name": "x", "version": "1 --hash=sha256:0"},
        {"name": "x", "version": "1\n-r /etc/passwd"},
        {"name": "x\x1b[2J", "version": "1"},
        {"name": 1, "version": []},
        {"name": "x"},
    ],
)
def test_what_is_more_than_a_name_and_a_version_is_nothing(notebook: Path, said: dict[str, Any]) -> None:
    notebook.write_text(document([said]))

    assert locks.missing() == ()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        f'"{locks.KEY}"',
        "[" * 100_000 + locks.KEY,
        f'{{"cells": {{"{locks.KEY}": 1}}}}',
        document({}, 1, [1]),
    ],
)
def test_what_is_no_lock_is_none(notebook: Path, content: str) -> None:
    notebook.write_text(content)

    assert locks.told() == ()


def test_a_lock_that_was_shown_is_kept_when_its_output_goes(notebook: Path) -> None:
    saved = json.loads(document([{"name": "old", "version": "1"}], [{"name": "ownthing", "version": "1.0", "more": 1}]))

    locks.keep(saved)

    assert saved["metadata"] == {locks.KEY: [{"name": "ownthing", "version": "1.0", "sha256": ""}]}
    saved["cells"] = []
    locks.keep(saved)
    notebook.write_text(json.dumps(saved))
    assert [package.name for package in locks.missing()] == ["ownthing"]


def test_a_lock_of_nothing_takes_the_place_of_one(notebook: Path) -> None:
    saved = json.loads(document([])) | {"metadata": {locks.KEY: [{"name": "ownthing", "version": "1.0"}]}}

    locks.keep(saved)

    assert saved["metadata"] == {locks.KEY: []}


@pytest.mark.parametrize("odd", [None, "text", [], {"cells": 1}, {"cells": [1, {"outputs": [None]}], "metadata": 1}])
def test_what_is_no_notebook_stays_as_it_is(odd: Any) -> None:
    before = json.dumps(odd)

    locks.keep(odd)

    assert json.dumps(odd) == before


def test_a_pipe_or_nothing_in_the_notebooks_place_has_no_lock(notebook: Path) -> None:
    assert locks.told() == ()
    os.mkfifo(notebook)
    assert locks.told() == ()


def test_many_are_named_to_a_limit(notebook: Path) -> None:
    notebook.write_text(document([{"name": f"p{number}", "version": "1"} for number in range(1_000)]))

    assert len(locks.missing()) == locks.LOCKED
    assert "p4 1 and 195 more" in locks.told()[0]


def test_a_lock_has_hashes_where_all_have_one() -> None:
    with_hash, without = Package("a", "1", own=True, sha256=HASH), Package("b", "2", own=True)

    assert Lock((with_hash,)).requirements() == f"a==1 --hash=sha256:{HASH}\n"
    assert Lock((with_hash, without)).requirements() == "a==1\nb==2\n"
    assert repr(Lock(())) == "No package of your own: this notebook needs none."
