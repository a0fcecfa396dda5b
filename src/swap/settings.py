"""One swap.toml → frozen models.  Unknown keys are errors that name the near miss; secrets stay in files.

Only values: nothing here opens a socket or a database.  A secret is a path (`password_file`) or the
name of an environment variable (`password_env`); its content is read when it is used and never printed.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from swap.errors import Problem, SettingsError
from swap.toml_lines import Lines


def _from_file(path: Path, info: ValidationInfo) -> Path:
    """Take a relative path from the directory of the file it stands in; outside a file it stays as it is."""
    base = (info.context or {}).get("base")
    path = path.expanduser()
    return path if base is None else Path(os.path.normpath(base / path))


Location = Annotated[Path, AfterValidator(_from_file)]
Seconds = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]
Address = Annotated[str, Field(pattern=r"^[^\s:/@]+:[0-9]{1,5}$")]
"""host:port"""


class Model(BaseModel):
    """The base of every table of swap.toml: frozen, and closed against unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Secret(Model):
    """Where a secret is: exactly one of a file's path or an environment variable's name."""

    file: Location | None = Field(default=None, description="Path of a file that holds the secret, mode 0600.")
    env: str | None = Field(default=None, description="Name of an environment variable that holds the secret.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Secret:
        if (self.file is None) == (self.env is None):
            msg = "name exactly one of file or env"
            raise ValueError(msg)
        return self

    def read(self) -> str:
        """Return the secret.  Raises SettingsError naming the file or variable, never its content."""
        if self.env is not None:
            value = os.environ.get(self.env)
            if value is None:
                raise SettingsError(
                    Problem(
                        f"The environment variable {self.env} is not set.",
                        todo=f"Set {self.env}, or name a file instead.",
                    )
                )
            return value
        assert self.file is not None
        try:
            return self.file.read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise SettingsError(
                Problem(
                    f"The secret file {self.file} cannot be read: {error.strerror}.",
                    todo="Create it, readable by SWAP's own user only.",
                )
            ) from error


class Site(Model):
    """The site as people meet it."""

    name: str = Field(default="SWAP", description="The site's name, as pages show it.")
    host: str = Field(default="localhost", description="The portal's host; each person's server is <id>.<host>.")
    port: int = Field(default=8000, ge=1, le=65535, description="The port SWAP listens on.")
    public_port: int | None = Field(
        default=None, description="The port in people's browsers, when it differs from `port`."
    )
    bind: str = Field(default="127.0.0.1", description="The address SWAP listens on.")
    demo: bool = Field(default=False, description="Whether this is the demo, which says so on its sign-in page.")
    time_zone: str = Field(default="UTC", description="The zone in which pages show times.")

    @property
    def url(self) -> str:
        """The portal's address without a trailing slash."""
        return f"http://{self.host}:{self.public_port or self.port}"

    def person_url(self, person_id: str) -> str:
        """Return the origin of one person's Jupyter server, without a trailing slash."""
        return f"http://{person_id}.{self.host}:{self.public_port or self.port}"


class Database(Model):
    """SWAP's own PostgreSQL: embedded, or by address."""

    url: str | None = Field(
        default=None, description="postgresql://user@host/name of an existing server; embedded when absent."
    )
    password: Secret | None = Field(default=None, description="The password for `url`.")
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="TCP port of the embedded server on 127.0.0.1; any free one when absent.",
    )


class People(Model):
    """Who may sign in."""

    authenticator: Literal["file"] = Field(
        default="file", description="How people sign in; `file` is the demo's and runs on loopback only."
    )
    file: Location | None = Field(default=None, description="The people file: names, hashed passwords, groups.")
    sign_in_days: int = Field(default=7, ge=1, le=30, description="Days after which a sign-in ends by itself.")
    kernel_token_seconds: Seconds = Field(
        default=300.0, description="Seconds a kernel's token lives before it is renewed."
    )


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

    @field_validator("text", "timestamps")
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


class Grant(Model):
    """A rule that opens something to groups."""

    name: str = Field(description="The rule's name, as errors and the audit show it.")
    groups: tuple[str, ...] = Field(description='Groups it is for; "*" is everyone who may sign in.')
    actions: tuple[Literal["discover", "read"], ...] = Field(
        default=("discover", "read"), description="What it allows."
    )
    on: tuple[str, ...] = Field(
        description="source.schema.table.column patterns; * stands for any name, trailing parts may be left out."
    )


class Denial(Model):
    """A rule that locks something; it outweighs every grant."""

    name: str = Field(description="The rule's name, as errors and the audit show it.")
    on: tuple[str, ...] = Field(description="source.schema.table.column patterns, as in a grant.")
    unless_groups: tuple[str, ...] = Field(default=(), description="Groups the lock does not bind.")
    actions: tuple[Literal["discover", "read"], ...] = Field(default=("read",), description="What it forbids.")
    because: str = Field(description="Why, as the end of the sentence 'The rule <name> …'.")
    ask: str = Field(description="Whom to ask for access.")
    instead: dict[str, str] = Field(
        default_factory=dict, description="Locked column → a column that may serve instead."
    )


class Policy(Model):
    """Rights on source, schema, table and column by group.  What no grant names is closed."""

    grants: tuple[Grant, ...] = Field(default=(), description="What is open, to whom.")
    denials: tuple[Denial, ...] = Field(default=(), description="What is locked, except for whom.")
    ask: str = Field(default="the data owners", description="Whom to ask when no rule names anybody.")


class Limits(Model):
    """What one query may use.  The limit appears in the error."""

    rows: int = Field(default=5_000_000, ge=1, description="Rows of a result.")
    bytes: int = Field(default=2_000_000_000, ge=1, description="Bytes of a result, as Arrow.")
    source_bytes: int = Field(
        default=8_000_000_000, ge=1, description="Bytes fetched from all sources of a query, as Arrow."
    )
    seconds: Seconds = Field(default=600.0, description="Seconds a query may run, waiting not counted.")
    memory_bytes: int = Field(default=1_000_000_000, ge=1, description="Bytes of memory the combiner may use.")
    combiners_bytes: int = Field(
        default=0, ge=0, description="Bytes of memory all combiners may use together; 0 is half the machine's."
    )
    spill_bytes: int = Field(default=4_000_000_000, ge=1, description="Bytes the combiner may spill to disk.")
    statement_bytes: int = Field(default=65_536, ge=1, description="Bytes of a statement's text.")
    upload_bytes: int = Field(default=200_000_000, ge=1, description="Bytes of one of a person's own tables, as Arrow.")
    spool_bytes: int = Field(default=20_000_000_000, ge=1, description="Bytes of all kept results.")
    spool_bytes_per_person: int = Field(
        default=2_000_000_000,
        ge=1,
        description="Bytes of one person's kept results, and as many of their own tables; beyond it the oldest go.",
    )
    spool_hours: float = Field(default=24.0, gt=0, description="Hours a result is kept.")
    waiting_per_person: int = Field(default=20, ge=1, description="Queries of one person that may wait.")


class Launch(Model):
    """How people's Jupyter servers are started."""

    isolation: Literal["none"] = Field(
        default="none", description="How people's servers are kept apart; `none` is the same OS user, on loopback only."
    )
    start_seconds: Seconds = Field(default=60.0, description="Seconds a server may take to start.")


class Settings(Model):
    """All of swap.toml."""

    state: Location = Field(description="The directory that holds everything SWAP keeps on this machine.")
    site: Site = Field(default_factory=Site, description="The site as people meet it.")
    database: Database = Field(default_factory=Database, description="SWAP's own PostgreSQL.")
    people: People = Field(default_factory=People, description="Who may sign in.")
    sources: dict[Name, Source] = Field(
        default_factory=dict, description="The sources, each by the site's own name for it."
    )
    policy: Policy = Field(default_factory=Policy, description="Rights, by group.")
    limits: Limits = Field(default_factory=Limits, description="What one query may use.")
    launch: Launch = Field(default_factory=Launch, description="How servers are started.")
    kernel_env: Location | None = Field(
        default=None, description="The environment notebooks run in; found beside the server's when absent."
    )
    examples: Location | None = Field(default=None, description="The directory of example notebooks offered on Home.")


def load(path: Path) -> Settings:
    """Read swap.toml; relative paths are meant from its directory.

    Raises SettingsError that lists every problem at once, each with file and line.
    """
    try:
        document = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SettingsError(
            Problem(
                f"The settings file {path} cannot be read: {reason}.",
                todo="Name an existing file with --config; `swap demo` writes one to start from.",
            )
        ) from error
    try:
        settings = Settings.model_validate(tomllib.loads(document), context={"base": path.absolute().parent})
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).rpartition(" (at ")
        line = re.search(r"line (\d+)", place)
        number = line[1] if line else str(document.count("\n") + 1)
        raise _refused(path, [f"{path.name}:{number}: not TOML: {message or place}"]) from error
    except ValidationError as error:
        raise _refused(path, explain(path, document, error)) from error
    lines = Lines(document)
    problems = [f"{path.name}:{lines.of(where)}: {message}" for where, message in _contradictions(settings)]
    if problems:
        raise _refused(path, problems)
    return settings


def explain(path: Path, document: str, error: ValidationError) -> list[str]:
    """Return one line for each problem: `swap.toml:12: limits.memroy is not a setting. Did you mean …?`."""
    lines, raw = Lines(document), tomllib.loads(document)
    found = []
    for problem in error.errors(include_input=False, include_url=False):
        models, where = _follow(raw, problem["loc"])
        found.append((lines.of(where), _sentence(problem, models, where)))
    return [f"{path.name}:{line}: {sentence}" for line, sentence in sorted(found)]


def _refused(path: Path, problems: list[str]) -> SettingsError:
    count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
    return SettingsError(
        Problem(
            f"{path} has {count}.",
            why="\n".join(problems),
            todo="Mend it, then try: swap config check",
            extra={"problems": problems},
        )
    )


def _dotted(where: tuple[str | int, ...]) -> str:
    """Return a setting's name as people write it: policy.grants[2].on."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".")


def _follow(raw: Any, loc: tuple[str | int, ...]) -> tuple[list[type[Model]], tuple[str | int, ...]]:
    """Return the models a problem's innermost table may be, and its path in the document.

    pydantic also names the chosen kind of a source in its location; the document does not.
    """
    annotation: Any = Settings
    table: Any = Settings
    where: tuple[str | int, ...] = ()
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        if part == "[key]":
            break
        candidates = _models(annotation)
        present = (isinstance(raw, dict) and part in raw) or (isinstance(raw, list) and isinstance(part, int))
        if not present and not last:
            annotation = next(
                (m for m in candidates if part in get_args(m.model_fields["kind"].annotation)), annotation
            )
            continue
        where = (*where, part)
        raw = raw[part] if present else None
        fields = [m.model_fields[str(part)].annotation for m in candidates if part in m.model_fields]
        table = annotation
        if fields:
            annotation = fields[0]
        elif not candidates:
            annotation = get_args(annotation)[-1 if get_origin(annotation) is dict else 0]
    return _models(table), where


def _models(annotation: Any) -> list[type[Model]]:
    """Return the models an annotation may hold directly: unions and optional ones are opened, containers are not."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    if get_origin(annotation) in {Annotated, Union, UnionType}:
        return [model for part in get_args(annotation) for model in _models(part)]
    return []


def _sentence(problem: ErrorDetails, models: list[type[Model]], where: tuple[str | int, ...]) -> str:
    name, context = _dotted(where), problem.get("ctx", {})
    wants_secret = any(
        field.annotation in {Secret, Secret | None}
        for model in models
        for key, field in model.model_fields.items()
        if where and key == where[-1]
    )
    known = next(
        (m.model_fields[str(where[-1])].description for m in models if where and where[-1] in m.model_fields), ""
    )
    meant = (
        problem["msg"].replace("Input should", "it must").replace("a valid ", "a ").replace(" a integer", " an integer")
    )
    sentences = {
        "extra_forbidden": lambda: f"{name} is not a setting. {_near(models, where)}",
        "missing": lambda: f"{name} is missing: {known}",
        "union_tag_not_found": lambda: f'{name}.kind is missing: one of "files", "hive", "mysql", "postgres".',
        "union_tag_invalid": lambda: f"{name}.kind is {context['tag']!r}; SWAP knows {context['expected_tags']}.",
        "secret": lambda: (
            f'{name} must say where the secret is, {{ file = "…" }} or {{ env = "…" }}; the secret itself never stands'
            " here."
        ),
        "source_name": lambda: (
            f"{name}: a source's name is a lower-case letter, then letters, digits or _, 31 at most."
        ),
        "value_error": lambda: f"{name}: {context['error']}.",
    }
    kind = problem["type"]
    if kind in {"model_type", "model_attributes_type"} and wants_secret:
        kind = "secret"
    elif problem["loc"][-1] == "[key]":
        kind = "source_name"
    return sentences.get(kind, lambda: f"{name}: {meant}.")()


def _near(models: list[type[Model]], where: tuple[str | int, ...]) -> str:
    """Name the setting somebody meant: the nearest beside it, else one of that name in another table."""
    wrong = str(where[-1])
    beside = sorted({name for model in models for name in model.model_fields})
    # A beginning counts nearly like a whole name: memroy means memory_bytes.
    scored = [
        (max(SequenceMatcher(None, wrong, n).ratio(), SequenceMatcher(None, wrong, n[: len(wrong)]).ratio() - 0.05), n)
        for n in beside
    ]
    score, best = max(scored, default=(0.0, ""))
    if score >= 0.6:
        return f"Did you mean {_dotted((*where[:-1], best))}?"
    elsewhere = [
        f"{table}.{wrong}"
        for table, field in Settings.model_fields.items()
        for model in _models(field.annotation)
        if wrong in model.model_fields
    ]
    if elsewhere:
        return f"Did you mean {elsewhere[0]}?"
    return f"Known here: {', '.join(beside)}."


def _contradictions(settings: Settings) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what each value allows by itself and the whole does not."""
    if settings.site.bind not in {"127.0.0.1", "::1", "localhost"}:
        yield (
            ("site", "bind"),
            (
                f"site.bind is {settings.site.bind}, but people.authenticator 'file' and launch.isolation 'none' keep"
                " nobody apart on a network. Use 127.0.0.1, and ssh -L from elsewhere."
            ),
        )
    if settings.people.file is None:
        yield ("people", "file"), "people.file is missing: the people file that people.authenticator 'file' reads."
    if settings.site.time_zone != "UTC" and settings.site.time_zone not in available_timezones():
        yield (
            ("site", "time_zone"),
            f"site.time_zone names no time zone. {_nearest(settings.site.time_zone, available_timezones(), 'Use')}",
        )
    if settings.database.url is not None:
        url = urlsplit(settings.database.url)
        if not url.scheme.startswith("postgresql"):
            yield ("database", "url"), "database.url must begin with postgresql://."
        if url.password is not None:
            yield ("database", "url"), "database.url holds a password: move it to a file that database.password names."
    yield from _rule_contradictions(settings)


def _rule_contradictions(settings: Settings) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield rules that share a name, and patterns that no source could match: both would mislead silently."""
    rules: list[tuple[str, int, Grant | Denial]] = [
        ("grants", i, rule) for i, rule in enumerate(settings.policy.grants)
    ]
    rules += [("denials", i, rule) for i, rule in enumerate(settings.policy.denials)]
    seen: set[str] = set()
    for kind, index, rule in rules:
        where = ("policy", kind, index)
        if rule.name in seen:
            yield (
                (*where, "name"),
                f"{_dotted(where)}.name: another rule is called {rule.name!r} too; errors could not say which.",
            )
        seen.add(rule.name)
        for pattern in rule.on:
            source, *below = pattern.split(".")
            if len(below) > 3 or not all((source, *below)):
                # It would cover nothing: a lock on a field of a column, or on a column with a dot, would lock nothing
                # at all.
                yield (
                    (*where, "on"),
                    (
                        f"{_dotted(where)}.on: {pattern!r} is no source.schema.table.column; what lies inside a column"
                        " cannot be named."
                    ),
                )
            elif source != "*" and source not in settings.sources:
                yield (
                    (*where, "on"),
                    (
                        f"{_dotted(where)}.on: {pattern!r} is in no source."
                        f" {_nearest(source, settings.sources, 'Sources:')}"
                    ),
                )


def _nearest(wrong: str, known: Collection[str], otherwise: str) -> str:
    """Say which known name was meant, or list the first few."""
    near = get_close_matches(wrong, known, 1)
    return f"Did you mean {near[0]}?" if near else f"{otherwise} {', '.join(sorted(known)[:6]) or 'none'}."
