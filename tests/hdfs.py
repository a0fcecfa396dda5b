"""An HDFS for tests, with permissions: whose files are whose, and who may act for whom."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import services
from swap import ports
from swap.demo.hive_server import program

PLACE = "/people"
"""A directory that everybody may write, as /tmp is."""


class RunningHdfs(services.JavaServer):
    """A NameNode and a DataNode in one process; it is empty at each start.

    `acting` is Hadoop's word on who may act for whom.
    """

    administrator = "hdfs"

    def __init__(self, acting: Mapping[str, str]) -> None:
        self._acting = acting
        (self._http,) = ports.free(1)
        super().__init__()

    @property
    def url(self) -> str:
        """Where it is, in Hadoop's words."""
        return f"hdfs://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        state = self.state
        # Where its pages would be; there are none.
        for pages in ("hdfs", "datanode"):
            (state / "conf" / "webapps" / pages).mkdir(parents=True, exist_ok=True)
        settings = {
            "dfs.permissions.enabled": "true",
            "dfs.replication": "1",
            "dfs.namenode.name.dir": f"file://{state}/names",
            "dfs.datanode.data.dir": f"file://{state}/data",
            "dfs.namenode.http-address": f"127.0.0.1:{self._http}",
            "dfs.datanode.address": "127.0.0.1:0",
            "dfs.datanode.http.address": "127.0.0.1:0",
            "dfs.datanode.ipc.address": "127.0.0.1:0",
        }
        files = {
            "core-site.xml": {"fs.defaultFS": self.url, "hadoop.tmp.dir": f"{state}/hadoop", **self._acting},
            "hdfs-site.xml": settings,
        }
        # The property, not the variable of the same name: that would have everybody be the one.
        start = program(services.CHECKOUT, state, files, "256m", {"HADOOP_USER_NAME": self.administrator})
        source = Path(__file__).with_name("Hdfs.java")
        # Hive brings a compiler, and the Java that is fetched has none.
        run = ["org.codehaus.janino.SimpleCompiler", str(source), "Hdfs", str(self.web_port), PLACE]
        return [*start, *run]

    def owners(self, path: str) -> dict[str, str]:
        """Return path → owner of a directory and all below it, as the NameNode says."""
        found = {path: self._ask("GET", path, "GETFILESTATUS")["FileStatus"]["owner"]}
        for each in self._ask("GET", path, "LISTSTATUS")["FileStatuses"]["FileStatus"]:
            below = f"{path}/{each['pathSuffix']}"
            found |= self.owners(below) if each["type"] == "DIRECTORY" else {below: each["owner"]}
        return found

    def close_to_others(self, path: str) -> None:
        """Let nobody but the owner into a directory."""
        self._ask("PUT", path, "SETPERMISSION&permission=700")

    def _ask(self, method: str, path: str, operation: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self._http}/webhdfs/v1{path}?user.name={self.administrator}&op={operation}"
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60) as told:
            answer: dict[str, Any] = json.loads(told.read() or "{}")
        return answer
