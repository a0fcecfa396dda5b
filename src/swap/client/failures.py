"""Errors of the gateway as exceptions, and exceptions as the JSON of docs/reference/api.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from swap.errors import CATEGORIES, Problem, QueryCancelled, Suggestion, SwapError, Unavailable

_PROBLEM = {field.name for field in fields(Problem)} - {"suggestions", "title"}
_SUGGESTION = {field.name for field in fields(Suggestion)}


class Interrupted(QueryCancelled, KeyboardInterrupt):
    """You stopped the query.

    A KeyboardInterrupt too, for code that waits for one.
    """


class Unreachable(Unavailable):
    """The gateway does not answer."""


def from_json(error: Any, status: int = 500) -> SwapError:
    """Return the exception for an error of the gateway; fields this version does not know are left out."""
    if not isinstance(error, Mapping) or not isinstance(error.get("title"), str):
        return SwapError(Problem("SWAP gave an answer that is not its own.", why=f"Its status is {status}.", todo="Try again in a minute."))
    suggestions = tuple(
        Suggestion(**{key: value for key, value in each.items() if key in _SUGGESTION})
        for each in error.get("suggestions") or ()
        if isinstance(each, Mapping) and "label" in each
    )
    known = {key: value for key, value in error.items() if key in _PROBLEM and value is not None}
    problem = Problem(title=error["title"], suggestions=suggestions, **known)
    return CATEGORIES.get(str(error.get("category")), SwapError)(problem)


def to_json(error: SwapError) -> dict[str, Any]:
    """Return an exception as the API writes it."""
    return {"category": error.category, **asdict(error.problem)}
