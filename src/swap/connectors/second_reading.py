"""What a source says it would read, held against what a statement may read.

A parser of ours may be mistaken about a text; the source reads it a second time with its own before it runs.  What
cannot be told apart is refused.
"""

from __future__ import annotations

from collections.abc import Collection

from swap.errors import Problem, QueryRefused


def disagrees(source: str) -> QueryRefused:
    """Return the error for a statement in which the source found more than we did."""
    return QueryRefused(
        Problem(
            f"{source} would read something else than SWAP found in the statement.",
            why="Nothing was run: rights were checked for what SWAP found.",
            todo="Leave dialect out, or tell whoever runs SWAP.",
            source=source,
        )
    )


def closed_view(source: str, name: str) -> QueryRefused:
    """Return the error for a view of which the source does not say what it reads."""
    return QueryRefused(
        Problem(
            f"{source} does not tell SWAP what the view {name} reads.",
            why="Nothing was run. Without that nobody can see whether the statement reads anything else.",
            todo=(
                "Leave dialect out: SWAP then reads the view's rows, and DuckDB computes with them. Or ask the source's"
                " owner to let SWAP's account explain the view."
            ),
            source=source,
        )
    )


def not_understood(source: str, why: str) -> QueryRefused:
    """Return the error for a statement that the source itself refuses to read."""
    return QueryRefused(
        Problem(
            f"{source} does not understand the statement.",
            why=f"Nothing was run. {why}",
            todo="The statement is in the source's own dialect: its manual says what may stand there.",
            source=source,
        )
    )


def unique(names: Collection[str]) -> list[str]:
    """Return names that are each there once, as DuckDB makes them.

    >>> unique(["a", "A", "b", "a"])
    ['a', 'A_1', 'b', 'a_2']
    """
    found: list[str] = []
    taken: set[str] = set()
    # The last number of each name: one that is there thousands of times is not counted from the beginning each time.
    numbers: dict[str, int] = {}
    for name in names:
        wanted, number = name, numbers.get(name.casefold(), 0)
        while wanted.casefold() in taken:
            number += 1
            wanted = f"{name}_{number}"
        numbers[name.casefold()] = number
        taken.add(wanted.casefold())
        found.append(wanted)
    return found
