"""Say what is wrong with a swap.toml in its own names; what may be a secret is never repeated."""

from __future__ import annotations

import tomllib
from difflib import SequenceMatcher
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from swap.settings.base import Model, Secret
from swap.settings.model import Settings
from swap.toml_lines import Lines


def explain(path: Path, document: str, error: ValidationError) -> list[str]:
    """Return one line for each problem: `swap.toml:12: limits.memroy is not a setting. Did you mean …?`."""
    lines, raw = Lines(document), tomllib.loads(document)
    found = []
    for problem in error.errors(include_input=False, include_url=False):
        models, where = _follow(raw, problem["loc"])
        found.append((lines.of(where), _sentence(problem, models, where)))
    return [f"{path.name}:{line}: {sentence}" for line, sentence in sorted(found)]


def dotted(where: tuple[str | int, ...]) -> str:
    """Return a setting's name as people write it: policy.grants[2].on."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")


def _follow(raw: Any, loc: tuple[str | int, ...]) -> tuple[list[type[Model]], tuple[str | int, ...]]:
    """Return the models a problem's innermost table may be, and its path in the document.

    pydantic also names the chosen kind of a source in its location; the document does not.
    """
    annotation: Any = Settings
    table: Any = Settings
    where: tuple[str | int, ...] = ()
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        if part == "[key]":
            break
        candidates = _models(annotation)
        present = (isinstance(raw, dict) and part in raw) or (isinstance(raw, list) and isinstance(part, int))
        if not present and not last:
            annotation = next(
                (m for m in candidates if part in get_args(m.model_fields["kind"].annotation)), annotation
            )
            continue
        where = (*where, part)
        raw = raw[part] if present else None
        fields = [m.model_fields[str(part)].annotation for m in candidates if part in m.model_fields]
        table = annotation
        if fields:
            annotation = fields[0]
        elif not candidates:
            annotation = get_args(annotation)[-1 if get_origin(annotation) is dict else 0]
    return _models(table), where


def _models(annotation: Any) -> list[type[Model]]:
    """Return the models an annotation may hold directly: unions and optional ones are opened, containers are not."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    if get_origin(annotation) in {Annotated, Union, UnionType}:
        return [model for part in get_args(annotation) for model in _models(part)]
    return []


def _sentence(problem: ErrorDetails, models: list[type[Model]], where: tuple[str | int, ...]) -> str:
    name, context = dotted(where), problem.get("ctx", {})
    wants_secret = any(
        field.annotation in {Secret, Secret | None}
        for model in models
        for key, field in model.model_fields.items()
        if where and key == where[-1]
    )
    known = next(
        (m.model_fields[str(where[-1])].description for m in models if where and where[-1] in m.model_fields), ""
    )
    meant = (
        problem["msg"].replace("Input should", "it must").replace("a valid ", "a ").replace(" a integer", " an integer")
    )
    sentences = {
        "extra_forbidden": lambda: f"{name} is not a setting. {_near(models, where)}",
        "missing": lambda: f"{name} is missing: {known}",
        "union_tag_not_found": lambda: f'{name}.kind is missing: one of "files", "hive", "mysql", "postgres".',
        "union_tag_invalid": lambda: f"{name}.kind is {context['tag']!r}; SWAP knows {context['expected_tags']}.",
        "secret": lambda: (
            f'{name} must say where the secret is, {{ file = "…" }} or {{ env = "…" }}; the secret itself never stands'
            " here."
        ),
        "source_name": lambda: (
            f"{name}: a source's name is a lower-case letter, then letters, digits or _, 31 at most."
        ),
        "value_error": lambda: f"{name}: {context['error']}.",
    }
    kind = problem["type"]
    if kind in {"model_type", "model_attributes_type"} and wants_secret:
        kind = "secret"
    elif problem["loc"][-1] == "[key]":
        kind = "source_name"
    return sentences.get(kind, lambda: f"{name}: {meant}.")()


def _near(models: list[type[Model]], where: tuple[str | int, ...]) -> str:
    """Name the setting somebody meant: the nearest beside it, else one of that name in another table."""
    wrong = str(where[-1])
    beside = sorted({name for model in models for name in model.model_fields})
    # A beginning counts nearly like a whole name: memroy means memory_bytes.
    scored = [
        (max(SequenceMatcher(None, wrong, n).ratio(), SequenceMatcher(None, wrong, n[: len(wrong)]).ratio() - 0.05), n)
        for n in beside
    ]
    score, best = max(scored, default=(0.0, ""))
    elsewhere = [
        f"{table}.{wrong}"
        for table, field in Settings.model_fields.items()
        for model in _models(field.annotation)
        if wrong in model.model_fields
    ]
    # A whole name that belongs into another table is nearer than most that only look like it.
    if score >= (0.85 if elsewhere else 0.6):
        return f"Did you mean {dotted((*where[:-1], best))}?"
    if elsewhere:
        return f"Did you mean {elsewhere[0]}?"
    return f"Known here: {', '.join(beside)}."
