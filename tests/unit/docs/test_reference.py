from __future__ import annotations

import re
import runpy
from importlib.metadata import version
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from swap import settings
from swap.cli import main

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "docs" / "reference"


@pytest.mark.parametrize("page", ["settings.md", "cli.md"])
def test_the_page_is_what_the_code_says_now(page: str) -> None:
    made = runpy.run_path(str(ROOT / "docs" / "build_reference.py"))["PAGES"][page]()
    assert (REFERENCE / page).read_text(encoding="utf-8") == made, "run: python docs/build_reference.py"


def models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [
            annotation,
            *(inner for field in annotation.model_fields.values() for inner in models(field.annotation)),
        ]
    return (
        [inner for argument in get_args(annotation) for inner in models(argument)]
        if get_args(annotation) or isinstance(annotation, UnionType)
        else []
    )


def test_every_setting_is_listed_with_its_meaning() -> None:
    page = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    for model in models(settings.Settings):
        for name, field in model.model_fields.items():
            assert f"| `{name}` |" in page
            assert field.description or name == "kind", f"{model.__name__}.{name} has no description"


def test_every_command_is_listed() -> None:
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    assert all(re.search(rf"^## `swap {name}\b", page, re.MULTILINE) for name in main.commands)


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


FLOORS = re.findall(
    r"^\| `([a-z-]+)` \| ([\d.]+) \|", (REFERENCE / "security.md").read_text(encoding="utf-8"), re.MULTILINE
)


@pytest.mark.parametrize(("package", "floor"), FLOORS)
def test_no_lock_file_is_below_a_floor_of_the_security_page(package: str, floor: str) -> None:
    locked = {
        lock: found[1]
        for lock in ("server.txt", "dev.txt", "ldap.txt")
        if (
            found := re.search(
                rf"^{package}==([\d.]+)", (ROOT / "requirements" / lock).read_text("utf-8"), re.MULTILINE
            )
        )
    }
    assert {"server.txt", "dev.txt"} <= set(locked) or set(locked) == {"ldap.txt"}
    for number in locked.values():
        assert numbers(number) >= numbers(floor)
    if "dev.txt" in locked:  # what asks a directory is compiled, and checks do without
        assert numbers(version(package)) >= numbers(floor), "and what is installed here"


def test_there_is_a_floor_for_everything_that_brings_pages_to_browsers() -> None:
    assert {package for package, _ in FLOORS} >= {"jupyterhub", "jupyterlab", "jupyter-server", "nbconvert"}
