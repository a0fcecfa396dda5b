"""A run in line: it waits for its places, and its person sees where it stands and why."""

from __future__ import annotations

from collections.abc import Mapping

from swap.errors import QueryCancelled
from swap.query.execution.queue import Places, Queue, source_of
from swap.query.model import NO_SOURCE
from swap.query.run.run import Run


def for_places(run: Run, queue: Queue) -> None:
    """Return once a run has all of its places.  Raises QueryCancelled."""
    waited = False
    while True:
        if run.cancelled.is_set():
            raise QueryCancelled
        started, positions = queue.try_start(run.id)
        if started:
            break
        run.on_cancel = queue.wake
        _show(run, queue, positions, first=not waited)
        waited = True
        queue.wait()
    if waited:
        for source in run.waits_for:
            run.finish(f"wait:{source_of(source)}")
    else:
        skipped(run)


def skipped(run: Run) -> None:
    """Say of a run that it had its places at once.  Raises QueryCancelled."""
    for source in run.waits_for:
        run.skip(f"wait:{source_of(source)}")
    if run.cancelled.is_set():
        raise QueryCancelled


def _show(run: Run, queue: Queue, positions: Mapping[str, int], *, first: bool) -> None:
    behind: dict[str, int] = {}
    for name, position in positions.items():
        behind[source_of(name)] = max(position, behind.get(source_of(name), 0))
    said = {name: _place_in_line(position) for name, position in behind.items()}
    # Where both stand alike, it is the server that has the fewer places.
    source = max(positions, key=lambda name: (positions[name], name != source_of(name)))
    run.note = _why(source, queue.places(source))
    if first or said != run.details("wait"):
        for name, detail in said.items():
            run.begin(f"wait:{name}", detail)


def _place_in_line(position: int) -> str:
    before = position - 1
    return f"position {position}, " + (
        f"{before} {'query' if before == 1 else 'queries'} before yours" if before else "yours is next"
    )


def _why(source: str, places: Places) -> str:
    runs, kind = ("SWAP runs", " without a source") if source == NO_SOURCE else (f"{source} runs", "")
    return (
        f"{runs} {places.slots} {'query' if places.slots == 1 else 'queries'}{kind} at a time, at most"
        f" {places.slots_per_person} of one person. Yours starts when the next place is free."
    )
