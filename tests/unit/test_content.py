"""How many parts a notebook has, counted before anything is built of it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from swap.content import count


def begun(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, dict | list) + sum(map(begun, inner))


def some(chance: random.Random, depth: int = 0) -> Any:
    """Return lists and objects around strings of what could be taken for their ends and beginnings."""
    kind = chance.randrange(4 if depth < 4 else 2)
    if kind < 2:
        return "".join(chance.choices('[{"\\\n]}aä', k=chance.randrange(9)))
    inner = [some(chance, depth + 1) for _ in range(chance.randrange(5))]
    return inner if kind == 2 else {f'{number}"[{{\\': each for number, each in enumerate(inner)}


@pytest.mark.parametrize("seed", range(40))
def test_only_lists_and_objects_outside_of_strings_count_wherever_a_chunk_ends(seed: int) -> None:
    chance = random.Random(seed)
    value = [some(chance) for _ in range(20)]
    text = json.dumps(value, ensure_ascii=False).encode()

    for size in (1, 2, 3, 7, len(text)):
        assert count(text[at : at + size] for at in range(0, len(text), size)) == begun(value)
