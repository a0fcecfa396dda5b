"""Which files of tests one process takes: each for itself, but for those that start the same servers."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

_TOGETHER = {
    "tests/conformance: every source": (
        "tests/conformance/test_",
        ("connector", "dialect_thrift", "disturbed", "ended_elsewhere", "partitioned_time", "spark"),
    ),
    "tests/integration/hub: the house": (
        "tests/integration/hub/test_",
        (
            *("attacks_doors", "attacks_sessions", "attacks_sign_in", "end_everything", "hub_away", "in_a_browser"),
            *("pages", "portal_starts", "reading", "removal", "server_gone", "settings_table", "sign_in", "sign_out"),
            *("spawner", "tls"),
        ),
    ),
}
"""Those of conformance ask every source, those of the hub the house and the weak one: one process starts each but once."""
_SCOPES = {f"{start}{name}.py": scope for scope, (start, names) in _TOGETHER.items() for name in names}


class Together(LoadFileScheduling):
    """Hands out whole files, in the order in which pytest was told of them."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return _SCOPES.get(file, file)
