"""Read swap.toml.  Every problem is told at once, each with its line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pydantic import ValidationError

from swap.errors import Problem, SettingsError
from swap.settings.contradictions import contradictions
from swap.settings.model import Settings
from swap.settings.problems import explain
from swap.toml_lines import Lines


def load(path: Path) -> Settings:
    """Read swap.toml; relative paths are meant from its directory.

    Raises SettingsError that lists every problem at once, each with file and line.
    """
    try:
        document = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SettingsError(
            Problem(
                f"The settings file {path} cannot be read: {reason}.",
                todo="Name an existing file with --config; `swap demo` writes one to start from.",
            )
        ) from error
    try:
        settings = Settings.model_validate(tomllib.loads(document), context={"base": path.absolute().parent})
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).rpartition(" (at ")
        line = re.search(r"line (\d+)", place)
        number = line[1] if line else str(document.count("\n") + 1)
        raise _refused(path, [f"{path.name}:{number}: not TOML: {message or place}"]) from error
    except ValidationError as error:
        raise _refused(path, explain(path, document, error)) from error
    lines = Lines(document)
    problems = [f"{path.name}:{lines.of(where)}: {message}" for where, message in contradictions(settings)]
    if problems:
        raise _refused(path, problems)
    return settings


def _refused(path: Path, problems: list[str]) -> SettingsError:
    count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
    return SettingsError(
        Problem(
            f"{path} has {count}.",
            why="\n".join(problems),
            todo="Mend it, then try: swap config check",
            extra={"problems": problems},
        )
    )
