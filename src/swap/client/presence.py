"""Hold a line to the gateway open while queries of this process run that no cell waits for.

The gateway ends a query a minute after the last line of its process has ended, as it does when a kernel is killed.
"""

from __future__ import annotations

import threading
import time

from swap.client import follow
from swap.client.failures import Unreachable
from swap.client.transport import Gateway
from swap.errors import SwapError

LINGER_SECONDS = 2.0
"""Between two tries to reach the gateway."""

_lock = threading.Lock()
_waited_for: set[str] = set()
_holder: threading.Thread | None = None


def stay(gateway: Gateway, query_id: str) -> None:
    """Be there for a query until it has ended."""
    global _holder  # noqa: PLW0603 — one line is enough for a process
    with _lock:
        _waited_for.add(query_id)
        if _holder is None:
            _holder = threading.Thread(target=_hold, args=(gateway,), name="swap-line", daemon=True)
            _holder.start()


def _hold(gateway: Gateway) -> None:
    while not _is_over():
        try:
            _listen(gateway)
        except (Unreachable, TimeoutError):
            time.sleep(LINGER_SECONDS)  # the line is opened anew, and may have missed ends
        except SwapError:  # access has ended, and with it the queries
            with _lock:
                _waited_for.clear()


def _listen(gateway: Gateway) -> None:
    """Hear of ends, until none is waited for or the line ends."""
    told: set[str] = set()
    complete = False
    for state in follow.told(gateway):
        if state is not None:
            told.add(state["id"])
            if state["state"] in follow.ENDED:
                _ended({state["id"]})
        elif not complete:
            complete = True
            # What is not among those that are under way may have ended before the line was there.
            _ended({query_id for query_id in set(_waited_for) - told if _has_ended(gateway, query_id)})
        if not _waited_for:
            return


def _has_ended(gateway: Gateway, query_id: str) -> bool:
    try:
        return follow.state_of(gateway, query_id)["state"] in follow.ENDED
    except (Unreachable, TimeoutError):
        raise
    except SwapError:
        return True  # nobody may see it, or nobody knows it


def _ended(query_ids: set[str]) -> None:
    with _lock:
        _waited_for.difference_update(query_ids)


def _is_over() -> bool:
    global _holder  # noqa: PLW0603 — as above
    with _lock:
        if _waited_for:
            return False
        _holder = None
        return True
