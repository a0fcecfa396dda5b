"""How a table of files is divided, told from the paths of its files and the footers that were read.

What was counted is told apart from what is a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from swap.connectors.base import Partition, Partitions
from swap.connectors.files.layout import DataFile
from swap.connectors.partitioned import FINER, KEPT, NULL, order


class Rows:
    """How many rows files have: from their footers where those were read, else by their size among the others."""

    def __init__(self, files: Iterable[DataFile], counted: Mapping[str, int]) -> None:
        """Know the table's files, and the rows of those whose footers were read."""
        self._counted = counted
        size = sum(file.size_bytes for file in files if file.path in counted)
        self._per_byte = sum(counted.values()) / size if size else 0.0

    def of(self, files: Iterable[DataFile]) -> tuple[int, bool]:
        """Return the rows of some files, and whether that is a count rather than a guess."""
        rows, guessed_bytes = 0, 0
        exact = True
        for file in files:
            if file.path in self._counted:
                rows += self._counted[file.path]
            else:
                guessed_bytes += file.size_bytes
                exact = False
        return rows + round(guessed_bytes * self._per_byte), exact


def divided(files: Sequence[DataFile], counted: Mapping[str, int]) -> Partitions | None:
    """Return how a table is divided; None when it is not, or not everywhere by the same keys."""
    keys = tuple(key for key, _ in files[0].partitions)
    if not keys or any(tuple(key for key, _ in file.partitions) != keys for file in files):
        return None
    grouping = keys[:-1] if len(keys) > 1 and keys[-1] == FINER else keys
    groups: dict[tuple[str, ...], list[DataFile]] = {}
    for file in files:
        groups.setdefault(tuple(value for _, value in file.partitions[: len(grouping)]), []).append(file)
    rows = Rows(files, counted)
    newest = []
    for values in sorted(groups, key=lambda values: [order(value) for value in values], reverse=True)[:KEPT]:
        number, exact = rows.of(groups[values])
        parts = len({file.partitions for file in groups[values]})
        newest.append(Partition(tuple(None if value == NULL else value for value in values), parts, number, exact))
    return Partitions(
        grouping, FINER if grouping != keys else "", len({file.partitions for file in files}), tuple(newest)
    )
