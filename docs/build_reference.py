"""Write the reference pages that are made from code: `python docs/build_reference.py`; a test compares them.

settings.md lists every field of swap.settings.Settings, cli.md every command of `swap`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from swap import settings
from swap.cli import main as swap_command

HERE = Path(__file__).resolve().parent / "reference"

SETTINGS_HEAD = """\
# Settings

<!-- Written by docs/build_reference.py from src/swap/settings/; change it there. -->

Everything SWAP can be told stands in one file, `swap.toml`. Relative paths are meant from the file's directory. A key
that is not listed here is an error, which names the nearest one that is. Secrets never stand in the file: it names a
file or an environment variable that holds them. `swap config check` explains every problem at once, with its line.

The demo's `swap.toml` (`.swap/demo/swap.toml` after `make demo`) is a complete example."""

CLI_HEAD = """\
# Commands

<!-- Written by docs/build_reference.py from src/swap/cli.py; change it there. -->

A command that cannot do its work prints what happened, why and what to do, and ends with status 1. In a checkout the
command is `.swap/env/server/bin/swap`."""


def settings_page() -> str:
    """Return settings.md."""
    parts = [SETTINGS_HEAD]
    for path, model, table in tables(settings.Settings):
        kind = next(
            (f' with `kind = "{get_args(field.annotation)[0]}"`' for name, field in table if name == "kind"), ""
        )
        parts.append(
            f"\n## {'At the top of the file' if not path else f'`{path}`'}{kind}\n\n{_sentence(model)}\n\n"
            "| key | type | default | meaning |\n|---|---|---|---|"
        )
        parts.extend(
            f"| `{name}` | {_type(field)} | {_default(field)} |"
            f" {_cell(field.description or 'Which kind of store it is.')} |"
            for name, field in table
        )
    return "\n".join(parts) + "\n"


def tables(
    model: type[BaseModel], path: str = ""
) -> Iterator[tuple[str, type[BaseModel], list[tuple[str, FieldInfo]]]]:
    """Yield every table of the file: its header, its model, its fields; the tables inside it follow."""
    fields = list(model.model_fields.items())
    yield path, model, fields
    for name, field in fields:
        for inner, suffix in _models(field.annotation):
            here = f"{path.strip('[]')}.{name}{suffix}".lstrip(".")
            if inner is settings.Secret:
                continue  # explained once, at the end of the page
            yield from tables(inner, f"[[{here}]]" if _is_list(field.annotation) else f"[{here}]")
    if not path:
        yield "{ file = …  or  env = … }", settings.Secret, list(settings.Secret.model_fields.items())


def _models(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """Yield the models inside a type, with what stands between them and the field's name in a header."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
        return
    suffix = ".<name>" if get_origin(annotation) is dict else ""
    for argument in get_args(annotation):
        for model, inner in _models(argument):
            yield model, suffix + inner


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple


def _sentence(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split("\n\n")[0].split()).replace("<", "\\<").replace("[", "\\[")


def _type(field: FieldInfo) -> str:
    words = _name(field.annotation)
    bounds = []
    for mark in field.metadata:
        for kind, symbol in (
            (annotated_types.Ge, "ge"),
            (annotated_types.Gt, "gt"),
            (annotated_types.Le, "le"),
            (annotated_types.Lt, "lt"),
        ):
            if isinstance(mark, kind):
                bounds.append({"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}[symbol] + f" {getattr(mark, symbol)}")
    return " ".join([words, *bounds])


def _name(annotation: Any) -> str:
    """Return a type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _name(arguments[0])
    if origin in {Union, UnionType}:
        kinds = [_name(argument) for argument in arguments if argument is not NoneType]
        return " or ".join(dict.fromkeys(kinds))
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        return f"list of {_name(arguments[0])}"
    if origin is dict:
        return f"table of {_name(arguments[1])}"
    simple = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "`true` or `false`",
        Path: "path",
        settings.Secret: "secret",
    }
    return simple.get(annotation, "table")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True) if field.default is PydanticUndefined else field.default
    if value is None or isinstance(value, BaseModel) or value in ((), {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
    if isinstance(value, str):
        return f'`"{value}"`'
    return f"`{value:_}`" if isinstance(value, int) and value > 9_999 else f"`{value:g}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")


def commands(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its full name."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def cli_page() -> str:
    """Return cli.md."""
    parts = [CLI_HEAD]
    for name, command in commands(swap_command, "swap"):
        parts.append(f"\n## `{name}`\n\n{' '.join((command.help or '').split())}")
        rows = [_parameter(parameter) for parameter in command.params]
        if rows:
            parts.append("\n| | default | meaning |\n|---|---|---|\n" + "\n".join(rows))
    return "\n".join(parts) + "\n"


def _parameter(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        variable = f" (or the environment variable `{parameter.envvar}`)" if parameter.envvar else ""
        default = parameter.default
        # A default that depends on where this is installed is no text for a page.
        shown = (
            f"`{default}`"
            if isinstance(default, (str, int, Path)) and not str(default).startswith("/") and not parameter.is_flag
            else ""
        )
        return f"| `{', '.join(parameter.opts)}` | {shown} | {_cell((parameter.help or '') + variable)} |"
    return f"| `{(parameter.name or '').upper()}` | | {'required' if parameter.required else ''} |"


PAGES = {"settings.md": settings_page, "cli.md": cli_page}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"docs/reference/{name}\n")


if __name__ == "__main__":
    main()
