"""The stores that are asked, one model for each kind.  Only values: nothing here opens a connection."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from swap.settings.base import Address, Location, Model, Name, Seconds, Secret

RESULT_TABLES: Final = "reports"
"""What reports write is read as if it were a source of this name; none of the site's can have it."""
TABLES: Final = "tables"
"""Where their rows are in the state directory."""


class SourceBase(Model):
    """What every source has."""

    title: str = Field(default="", description="What pages call the kind of store, for example Hive.")
    owner: str = Field(default="", description="The team that owns the source; people are told to ask it.")
    note: str = Field(default="", description="One sentence: how to ask this source well.")
    connect_timeout_seconds: Seconds = Field(
        default=5.0, description="Seconds to wait for the source before it counts as down."
    )
    slots: int = Field(default=8, ge=1, description="Queries this source runs at a time.")
    slots_per_person: int = Field(default=2, ge=1, description="Queries of one person this source runs at a time.")

    @property
    def slots_in_all(self) -> int:
        """The queries that the source runs at a time, whichever of its servers they need."""
        return self.slots

    @property
    def server_slots(self) -> Mapping[str, int]:
        """Of a source with several servers, the queries that each runs at a time."""
        return {}


class FilesSource(SourceBase):
    """Directories of Parquet files: <root>/<schema>/<table>/[<key>=<value>/…]*.parquet."""

    kind: Literal["files"]
    root: Location = Field(description="The directory that holds one directory for each schema.")


class PostgresSource(SourceBase):
    """A PostgreSQL database; its schemas are SWAP's schemas."""

    kind: Literal["postgres"]
    host: str = Field(description="Host name or address, or the directory of a unix socket.")
    port: int = Field(default=5432, ge=1, le=65535, description="TCP port.")
    database: str = Field(description="Name of the database.")
    user: str = Field(description="The read-only account SWAP connects as.")
    password: Secret | None = Field(default=None, description="The account's password.")
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = Field(
        default="prefer", description="libpq's sslmode."
    )


class Kerberos(Model):
    """How SWAP signs in with Kerberos, and what then protects what is said."""

    principal: str = Field(
        pattern=r"^[^\s@]+@[^\s@]+$", description="SWAP's own principal, for example swap/host.example.org@EXAMPLE.ORG."
    )
    keytab: Location = Field(description="The file with the principal's keys, readable by SWAP's own user only.")
    service: str = Field(
        default="hive", pattern=r"^[^\s@/]+$", description="The servers' principals are <service>/<host>@<realm>."
    )
    qop: Literal["auth", "auth-int", "auth-conf"] | None = Field(
        default=None,
        description="The protection of messages that is demanded: none, against change, also against reading; by"
        " default the strongest that a server offers.",
    )
    config: Location | None = Field(
        default=None, description="The file that tells where the realm's KDC is; by default the machine's krb5.conf."
    )


class PartitionedTime(Model):
    """How the partitions of some of Hive's tables follow from a column's time."""

    column: str = Field(
        default="dt", description="The column: a timestamp, or text in ISO 8601 (`2026-11-22T05:30:00Z`), in UTC."
    )
    keys: tuple[str, ...] = Field(
        default=("year", "month", "day", "hour"),
        min_length=1,
        max_length=4,
        description="The partition columns that are its year, month, day and hour, or the first of these.",
    )
    slack_hours: int = Field(
        default=0, ge=0, le=24 * 31, description="By how many hours a row may stand in a later partition than its own."
    )


class HiveSource(SourceBase):
    """A Hive: Apache Hive's HiveServer2, or a Spark Thrift Server; its databases are SWAP's schemas."""

    kind: Literal["hive"]
    product: Literal["hive", "spark"] = Field(
        default="hive", description="Which of the two it is: they differ in types and in what they compare alike."
    )
    servers: tuple[Address, ...] = Field(
        min_length=1, description="Where it answers, as host:port; of several, any that is up is asked."
    )
    user: str = Field(default="", description="The account SWAP connects as; needed without Kerberos.")
    password: Secret | None = Field(default=None, description="The account's password.")
    kerberos: Kerberos | None = Field(default=None, description="How SWAP signs in where Hive asks for Kerberos.")
    transport: Literal["binary", "http"] = Field(
        default="binary", description="How Hive is spoken to: hive.server2.transport.mode."
    )
    http_path: str = Field(
        default="cliservice",
        pattern=r"^[A-Za-z0-9._~%/-]+$",
        description="The path of transport over HTTP: hive.server2.thrift.http.path.",
    )
    tls: Literal["verify-full", "disable"] = Field(
        default="verify-full", description="Whether connections are encrypted and the server's certificate verified."
    )
    ca: Location | None = Field(
        default=None, description="File of the authorities that certify the servers; by default the system's."
    )
    impersonate: bool = Field(
        default=True, description="Whether Hive acts as the person who asks, whose name it knows, instead of as `user`."
    )
    queues: dict[str, str] = Field(
        default={}, description="Group → the cluster's queue for its members' queries; the first that fits counts."
    )
    session: dict[str, str] = Field(default={}, description="Hive's own settings for every session.")
    partitioned_time: dict[str, PartitionedTime] = Field(
        default={},
        description="Pattern of schema.table → how its partitions follow from a time, so that a filter on the time"
        " alone opens few; the first that fits counts.",
    )

    @property
    def account(self) -> str:
        """SWAP's own account, as Hive knows it."""
        return self.user or (re.split("[/@]", self.kerberos.principal)[0] if self.kerberos else "")

    @model_validator(mode="after")
    def _one_way_in(self) -> HiveSource:
        if bool(self.user) == (self.kerberos is not None):
            msg = "name user, with or without a password, or kerberos, and not both"
            raise ValueError(msg)
        if self.kerberos and self.kerberos.qop and self.transport == "http":
            msg = "kerberos.qop protects the binary transport; over HTTP tls protects, so leave qop out"
            raise ValueError(msg)
        return self


class MysqlAccount(Model):
    """An account for the members of one group."""

    group: str = Field(description="The group whose members' queries it reads.")
    user: str = Field(description="The account's name at the server.")
    password: Secret | None = Field(
        default=None, description="Its password; what is in the file counts from the next query."
    )


class MysqlShard(Model):
    """One of several servers of a source, and which databases it holds."""

    server: Address = Field(description="Where it answers, as host:port.")
    databases: tuple[str, ...] = Field(
        default=(), description="Patterns of the databases that it holds; a name stands before a pattern."
    )
    databases_file: Location | None = Field(
        default=None, description="A file with the name of a database it holds on each line; `#` begins a comment."
    )
    slots: int = Field(
        default=8,
        ge=1,
        description="Queries that are read from this server at a time. The source runs as many as its servers together,"
        " unless it names its own `slots`.",
    )


class MysqlSource(SourceBase):
    """A MySQL or MariaDB server, or several that share the databases; these are SWAP's schemas."""

    kind: Literal["mysql"]
    host: str = Field(default="", description="Host name or address, or the path of a unix socket.")
    port: int = Field(default=3306, ge=1, le=65535, description="TCP port.")
    shards: dict[Name, MysqlShard] = Field(
        default={},
        description="Instead of `host`, servers by names that people may see; one without databases holds the rest.",
    )
    heartbeat: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9_]+\.[A-Za-z0-9_]+)?$",
        description="The table of pt-heartbeat, such as `heartbeat.heartbeat`, by which a server's lag is known;"
        " without it servers are asked how far behind they are, which accounts must be allowed.",
    )
    lag_limit_seconds: Seconds | None = Field(
        default=None,
        description="A query says so when its server is further behind than this; by default it is not asked.",
    )
    user: str = Field(default="", description="The read-only account SWAP connects as, for everybody.")
    password: Secret | None = Field(default=None, description="The account's password.")
    accounts: tuple[MysqlAccount, ...] = Field(
        default=(),
        description="Instead of `user`, an account for each group: the smallest of a person's that reads all tables of"
        " a query reads it, and never two.",
    )
    tls: Literal["auto", "verify-full", "disable"] = Field(
        default="auto",
        description="Whether connections are encrypted and the server's certificate verified; `auto` does both but for"
        " a unix socket and this machine's own addresses.",
    )
    ca: Location | None = Field(
        default=None, description="File of the authorities that certify the server; by default the system's."
    )
    databases: tuple[str, ...] = Field(
        default=("*",), description="Patterns of the databases that SWAP shows, for example `*wiki`."
    )
    text: tuple[str, ...] = Field(
        default=(), description="Patterns of database.table.column: columns of bytes that hold text in UTF-8."
    )
    timestamps: tuple[str, ...] = Field(
        default=(),
        description="Patterns of database.table.column: columns of bytes that hold MediaWiki's fourteen digits of a"
        " moment.",
    )
    newest: tuple[str, ...] = Field(
        default=(),
        description="Patterns of database.table.column: columns of time whose largest value, where an index tells it,"
        " says up to when a table's data goes, to whoever may read the column; not with `accounts`.",
    )

    @property
    def slots_in_all(self) -> int:
        """Return what is said for the source; else its servers' together: it is no narrower than they are."""
        return self.slots if "slots" in self.model_fields_set or not self.shards else sum(self.server_slots.values())

    @property
    def server_slots(self) -> Mapping[str, int]:
        """The queries that each shard runs at a time."""
        return {name: shard.slots for name, shard in self.shards.items()}

    def encrypts(self, host: str) -> bool:
        """Tell whether connections to a host are encrypted and verified."""
        return self.tls == "verify-full" or (self.tls == "auto" and not _is_here(host))

    @model_validator(mode="after")
    def _one_way_in(self) -> MysqlSource:
        if bool(self.user) == bool(self.accounts):
            msg = "name either a user for everybody or accounts for groups"
            raise ValueError(msg)
        if bool(self.host) == bool(self.shards):
            msg = "name either a host or the servers as shards"
            raise ValueError(msg)
        if sum(not (each.databases or each.databases_file) for each in self.shards.values()) > 1:
            msg = "only one of the shards can hold the databases that no other one names"
            raise ValueError(msg)
        return self

    @field_validator("text", "timestamps", "newest")
    @classmethod
    def _of_columns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            if pattern.count(".") < 2:
                msg = f"{pattern!r} must name database.table.column; * stands for any"
                raise ValueError(msg)
        return patterns


def _is_here(host: str) -> bool:
    """Tell whether what is sent to a host does not leave this machine."""
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


Source = Annotated[FilesSource | HiveSource | MysqlSource | PostgresSource, Field(discriminator="kind")]
