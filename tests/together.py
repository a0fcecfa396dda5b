"""Which files of tests one process takes: each for itself, but for those that start the same servers."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

_TOGETHER = ("connector", "dialect_thrift", "disturbed", "ended_elsewhere", "partitioned_time", "spark")
_FILES = frozenset(f"tests/conformance/test_{name}.py" for name in _TOGETHER)
"""Each of these asks every source; in one process they start each but once."""


class Together(LoadFileScheduling):
    """Hands out whole files, in the order in which pytest was told of them."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "tests/conformance: every source" if file in _FILES else file
