"""The page's configuration: what a person's files cannot undo."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from swap.lab import pages
from swap.lab.config import DISABLED_EXTENSIONS
from unit.lab.test_config import ENVIRONMENT


def test_nobody_switches_our_extension_off() -> None:
    page = pages.rewrite(
        {
            "disabledExtensions": ["@swap/lab", "@swap/lab:bar", "@jupyterlab/mermaid-extension"],
            "deferredExtensions": ["@swap/lab"],
        },
        ENVIRONMENT,
    )
    assert not [name for name in page["disabledExtensions"] if name.startswith("@swap/lab")]
    assert page["deferredExtensions"] == []


def test_a_person_may_switch_other_parts_off() -> None:
    page = pages.rewrite({"disabledExtensions": ["@jupyterlab/mermaid-extension"]}, ENVIRONMENT)
    assert "@jupyterlab/mermaid-extension" in page["disabledExtensions"]


def test_what_swap_switched_off_stays_off() -> None:
    assert set(DISABLED_EXTENSIONS) <= set(pages.rewrite({}, ENVIRONMENT)["disabledExtensions"])


def test_an_extension_that_is_off_is_not_even_loaded() -> None:
    there = [{"name": "jupyterlab-plotly", "load": "static/x.js"}, {"name": "@swap/lab", "load": "static/y.js"}]

    assert pages.rewrite({"federated_extensions": there}, ENVIRONMENT)["federated_extensions"] == there[1:]


def test_the_page_knows_name_and_home_and_no_secret() -> None:
    page = pages.rewrite({}, replace(ENVIRONMENT, person_name="O'Brien <b>"))
    assert (page["swapName"], page["swapHome"]) == ("O'Brien <b>", "http://localhost:8000")
    assert "s3cret" not in repr(page)


def test_the_hubs_own_hook_runs_first() -> None:
    def hubs(handler: Any, page: dict[str, Any]) -> dict[str, Any]:
        del handler
        return {**page, "hubUser": "p1", "swapName": "somebody else"}

    page = pages.hook(hubs, ENVIRONMENT)(SimpleNamespace(request=SimpleNamespace(host="")), {})
    assert (page["hubUser"], page["swapName"]) == ("p1", "Ann")
