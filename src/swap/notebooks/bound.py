"""Which outputs are nothing but results of queries, word for word as the gateway knows them.

Such an output comes from what its queries read, whatever else its kernel has read: the gateway draws the result once
more, and both must be the same.  What a program put into the statement may come from anywhere, so the statement, the
values of its parameters and the result's names have to stand in the notebook's code, which whoever looks at it sees.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from swap import content
from swap.client import show
from swap.errors import Invalid

_IPYTHONS = re.compile(r"_\d{1,6}")
"""What IPython calls the value that a cell's last line had."""
MOST_BYTES = 2_000_000
"""Of an outputs part that is built here, to be looked into: ten rows of a wide table, drawn three times."""
_MARK = json.dumps(show.RESULT).encode()


@dataclass(frozen=True, slots=True)
class Result:
    """A result, as the gateway tells its kernel of it."""

    kernel_id: str
    statement: str
    params: Mapping[str, Any]
    lineage: bytes
    """The digest of the columns that its query read."""
    state: dict[str, Any]
    page: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Results:
    """What a gateway knows of results."""

    look: Callable[[str, int, int], Result | None]
    """Returns the result of a query of the author's, with its rows from one place and so many; None where it is not
    known, or has rows in it that a kernel brought along."""
    homes: Collection[str]
    """Addresses of the portal, one of which a result names."""


def may_be(outputs: bytes) -> bool:
    """Tell whether it is worth while to look into an outputs part."""
    return len(outputs) <= MOST_BYTES and _MARK in outputs


def read_by(outputs: bytes, code: str, kernels: Collection[str], results: Results) -> set[bytes]:
    """Return the digests of what the results in an outputs part come from; none if there is anything else in it."""
    try:
        told = content.loaded(outputs)
        found = [_lineage(output, code, kernels, results) for output in told["outputs"]]
    except (Invalid, LookupError, TypeError, AttributeError, ValueError, RecursionError):  # it may say anything
        return set()
    named = {each for each in found if each is not None}
    return set() if told["images"] or None in found else named


def _lineage(output: Any, code: str, kernels: Collection[str], results: Results) -> bytes | None:
    """Return what one output comes from; None if it is not, word for word, a result."""
    said = output["data"][show.RESULT]
    name, variable, offset, rows = said["name"], said["variable"], said["page"]["offset"], len(said["page"]["rows"])
    if said["home"] not in results.homes or not all(each is None or _stands(each, code) for each in (name, variable)):
        return None
    if not isinstance(said["id"], str) or type(offset) is not int:
        return None
    result = results.look(said["id"], offset, rows)
    if result is None or result.kernel_id not in kernels or result.statement not in code:
        return None
    if not all(_is_written(value, code) for value in result.params.values()):
        return None
    drawn = {
        "output_type": output["output_type"],
        "metadata": {},
        "data": show.result(result.state, result.page, name, said["home"], variable),
    }
    if drawn["output_type"] == "execute_result":
        drawn["execution_count"] = output["execution_count"]
    return result.lineage if _as_text(drawn) == _as_text(output) else None


def _stands(name: Any, code: str) -> bool:
    return isinstance(name, str) and (name in code or _IPYTHONS.fullmatch(name) is not None)


def _is_written(value: Any, code: str) -> bool:
    """Tell whether a parameter's value stands in the code as a value."""
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, list):
        return all(_is_written(each, code) for each in value)
    if isinstance(value, date | datetime | time):
        value = value.isoformat()
    if isinstance(value, str):
        return f'"{value}"' in code or f"'{value}'" in code
    if isinstance(value, int | float):
        return re.search(rf"(?<![\w.]){re.escape(repr(value))}(?![\w.])", code) is not None
    return False


def _as_text(value: Any) -> str:
    """Return what tells JSON values apart: 1, 1.0 and true are not the same."""
    return json.dumps(value, sort_keys=True)
