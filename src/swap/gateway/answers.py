"""What the gateway answers with: the models below HTTP as the JSON that docs/reference/api.md shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from swap.errors import SwapError, to_json


def plain(value: Any) -> Any:
    """Return a model as JSON: its fields by name, an error as `errors.to_json` has it, a moment as ISO 8601."""
    if isinstance(value, SwapError):
        return to_json(value)
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, tuple) else value
