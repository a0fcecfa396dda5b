"""Which files of tests one process takes, and when: each for itself, but for those that start the same servers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

_TOGETHER = {
    "tests/integration/hub: the house": (
        "tests/integration/hub/test_",
        (
            *("attacks_doors", "attacks_sessions", "attacks_sign_in", "end_everything", "hub_away", "in_a_browser"),
            *("pages", "portal_starts", "reading", "removal", "server_gone", "settings_table", "sign_in", "sign_out"),
            *("spawner", "tls"),
        ),
    ),
    "tests/conformance: every source": (
        "tests/conformance/test_",
        ("connector", "dialect_thrift", "disturbed", "ended_elsewhere", "partitioned_time", "spark"),
    ),
}
"""Those of conformance ask every source, those of the hub the house and the weak one: one process starts each but once."""
_SCOPES = {f"{start}{name}.py": scope for scope, (start, names) in _TOGETHER.items() for name in names}
WAITS_FOR = "SWAP_TESTS_WAIT_FOR"
"""Names the file whose coming tells the last process to begin; what else ran beside the tests is over then."""


class Together(LoadFileScheduling):
    """Hands out whole files, in the order in which pytest was told of them, but first those that belong together.

    They take longest: begun last, they would be under way long after the other processes have nothing left.
    """

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        self._sign = os.environ.get(WAITS_FOR)

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        super().mark_test_complete(node, item_index, duration)
        for each in self.nodes:  # one that waited has nothing whose end would ask for more
            if self._pending_of(self.assigned_work[each]) < 2:
                self._reschedule(each)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if self._waits(node):
            return
        first = next((scope for scope in _TOGETHER if scope in self.workqueue), None)
        if first is not None:
            self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)

    def _waits(self, node: WorkerController) -> bool:
        is_last = node.gateway.id == f"gw{self.numnodes - 1}"
        return is_last and self._sign is not None and not Path(self._sign).exists()

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return _SCOPES.get(file, file)
