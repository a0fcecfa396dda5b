"""A HiveServer2 as a source: Apache Hive, or a Spark Thrift Server.  Reading happens in a child process.

Each query has a session of its own, as the person who asks: the store checks its own rights too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swap.connectors.base import NULL_TESTS, Capabilities, Comparison, OnBehalf
from swap.connectors.process import END
from swap.connectors.store import StoreConnector
from swap.settings import HiveSource, Kerberos

_EXACT = ("integer", "decimal", "text", "date", "timestamp")
"""Not floats: to Hive -0.0 is another number than 0.0, and NaN is not equal to itself."""

_HIVE = frozenset(
    [(family, comparison) for family in _EXACT for comparison in Comparison]
    + [("boolean", comparison) for comparison in (Comparison.EQ, Comparison.NE)]
    + [
        (family, comparison)
        for family in ("boolean", "float", "binary", "timestamptz", "nested")
        for comparison in NULL_TESTS
    ]
)
CAPABILITIES = {
    "hive": Capabilities(comparisons=_HIVE, orders=frozenset(_EXACT), dialect="hive"),
    # To Spark a moment is what most tables call a time.
    "spark": Capabilities(
        comparisons=_HIVE | {("timestamptz", comparison) for comparison in Comparison},
        orders=frozenset({*_EXACT, "boolean", "float", "binary", "timestamptz"}),
        dialect="spark",
    ),
}
"""What each product computes exactly as the combiner would."""


class HiveConnector(StoreConnector):
    """The servers of one Hive."""

    module = "swap.connectors.hive.reader"

    def __init__(self, name: str, source: HiveSource) -> None:
        super().__init__(name, source.connect_timeout_seconds)
        self.capabilities = CAPABILITIES[source.product]
        self._source = source

    def account(self, on_behalf: OnBehalf) -> str:
        """Return the person's name where Hive acts as them, else the name of SWAP's account."""
        return on_behalf.name if self._source.impersonate else self._source.account

    def end(self, handle: Mapping[str, Any], query_id: str) -> bool:
        """Cancel what a reader that is gone left at one of the servers, unless the settings name that no more."""
        if handle["server"] not in self._source.servers:
            return False
        deadline = self.soon()
        only = {"servers": [_address(handle["server"])]}
        about = {**self.request(query_id, deadline.at, None)["address"], **only}
        asked = self._asked("end", deadline, address=about, operation=handle["operation"], session=handle["session"])
        return any(told.get(END) for told in asked)

    def request(self, query_id: str, ends_at: float, on_behalf: OnBehalf | None) -> Mapping[str, Any]:  # noqa: ARG002 — the statement has its time
        """Return servers and account, and with what settings a session is opened."""
        source = self._source
        named = {"hive.query.name": f"swap:{query_id}"}
        settings = {
            f"set:hiveconf:{key}": value for key, value in (source.session | named | _PINNED[source.product]).items()
        }
        if on_behalf is not None:
            if source.impersonate:
                settings["hive.server2.proxy.user"] = on_behalf.name
            for group, queue in source.queues.items():
                if group in on_behalf.groups:
                    settings |= {f"set:hiveconf:{key}": queue for key in _QUEUES}
                    break
        return {
            "partitioned_time": [
                [pattern, each.column, each.keys, each.slack_hours] for pattern, each in source.partitioned_time.items()
            ],
            "address": {
                "servers": [_address(each) for each in source.servers],
                "user": source.account,
                "password": self.password(source.password) if source.password else _NO_PASSWORD,
                "kerberos": None if source.kerberos is None else _signs_in(source.kerberos),
                "http_path": source.http_path.lstrip("/") if source.transport == "http" else "",
                "tls": source.tls == "verify-full",
                "ca": str(source.ca) if source.ca else "",
                "spark": source.product == "spark",
                "connect_seconds": source.connect_timeout_seconds,
                "configuration": settings,
            },
        }


def _address(server: str) -> tuple[str, int]:
    host, _, port = server.partition(":")
    return host, int(port)


def _signs_in(kerberos: Kerberos) -> dict[str, str]:
    return {
        "principal": kerberos.principal,
        "keytab": str(kerberos.keytab),
        "service": kerberos.service,
        "qop": kerberos.qop or "",
        "config": str(kerberos.config or ""),
    }


_PINNED = {
    "hive": {"hive.local.time.zone": "UTC", "hive.resultset.use.unique.column.names": "false"},
    "spark": {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parser.escapedStringLiterals": "false",
        "spark.sql.ansi.doubleQuotedIdentifiers": "false",
        "spark.sql.parser.quotedRegexColumnNames": "false",
        "spark.sql.variable.substitute": "false",
        # A path is no table.
        "spark.sql.runSQLOnFiles": "false",
        # What it says that it would read is not cut short.
        "spark.sql.maxPlanStringLength": str(2**31 - 16),
        "spark.sql.debug.maxToStringFields": str(2**31 - 1),
    },
}
"""What a statement means must not depend on the server's settings: its times, what its columns are called, and where a
text or a name in it ends."""
_NO_PASSWORD = "anonymous"  # noqa: S105 — it is none
"""A server that asks for no password still refuses an empty one."""
_QUEUES = ("tez.queue.name", "mapreduce.job.queuename")
