"""What the gateway answers with: the models below HTTP as the JSON that docs/reference/api.md shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from swap.errors import SwapError, to_json
from swap.query.results.pages import Page
from swap.query.run.state import RunView


def answer(model: RunView | Page) -> dict[str, Any]:
    """Return a model as JSON: its fields by name, an error as `errors.to_json` has it, a moment as ISO 8601."""
    return {field.name: _plain(getattr(model, field.name)) for field in fields(model)}


def _plain(value: Any) -> Any:
    if isinstance(value, SwapError):
        return to_json(value)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
