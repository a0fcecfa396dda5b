"""One swap.toml → frozen models.  Unknown keys are errors that name the near miss; secrets stay in files.

Only values: nothing here opens a socket or a database.  A secret is a path (`password_file`) or the
name of an environment variable (`password_env`); its content is read when it is used and never printed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from swap.errors import Problem, SettingsError

Seconds = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")]


class Model(BaseModel):
    """The base of every table of swap.toml: frozen, and closed against unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Secret(Model):
    """Where a secret is: exactly one of a file's path or an environment variable's name."""

    file: Path | None = Field(default=None, description="Path of a file that holds the secret, mode 0600.")
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
                raise SettingsError(Problem(f"The environment variable {self.env} is not set.",
                                            todo=f"Set {self.env}, or name a file instead."))
            return value
        assert self.file is not None
        try:
            return self.file.read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise SettingsError(Problem(f"The secret file {self.file} cannot be read: {error.strerror}.",
                                        todo="Create it, readable by SWAP's own user only.")) from error


class Site(Model):
    """The site as people meet it."""

    name: str = Field(default="SWAP", description="The site's name, as pages show it.")
    host: str = Field(default="localhost", description="The portal's host; each person's server is <id>.<host>.")
    port: int = Field(default=8000, ge=1, le=65535, description="The port SWAP listens on.")
    public_port: int | None = Field(default=None, description="The port in people's browsers, when it differs from `port`.")
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

    url: str | None = Field(default=None, description="postgresql://user@host/name of an existing server; embedded when absent.")
    password: Secret | None = Field(default=None, description="The password for `url`.")
    port: int | None = Field(default=None, ge=1, le=65535, description="TCP port of the embedded server on 127.0.0.1; any free one when absent.")


class People(Model):
    """Who may sign in."""

    authenticator: Literal["file"] = Field(default="file", description="How people sign in; `file` is the demo's and runs on loopback only.")
    file: Path | None = Field(default=None, description="The people file: names, hashed passwords, groups.")
    sign_in_days: int = Field(default=7, ge=1, le=30, description="Days after which a sign-in ends by itself.")
    kernel_token_seconds: Seconds = Field(default=300.0, description="Seconds a kernel's token lives before it is renewed.")


class SourceBase(Model):
    """What every source has."""

    title: str = Field(default="", description="What pages call the kind of store, for example Hive.")
    owner: str = Field(default="", description="The team that owns the source; people are told to ask it.")
    note: str = Field(default="", description="One sentence: how to ask this source well.")
    connect_timeout_seconds: Seconds = Field(default=5.0, description="Seconds to wait for the source before it counts as down.")
    slots: int = Field(default=8, ge=1, description="Queries this source runs at a time.")
    slots_per_person: int = Field(default=2, ge=1, description="Queries of one person this source runs at a time.")


class FilesSource(SourceBase):
    """Directories of Parquet files: <root>/<schema>/<table>/[<key>=<value>/…]*.parquet."""

    kind: Literal["files"]
    root: Path = Field(description="The directory that holds one directory for each schema.")


class PostgresSource(SourceBase):
    """A PostgreSQL database; its schemas are SWAP's schemas."""

    kind: Literal["postgres"]
    host: str = Field(description="Host name or address, or the directory of a unix socket.")
    port: int = Field(default=5432, ge=1, le=65535, description="TCP port.")
    database: str = Field(description="Name of the database.")
    user: str = Field(description="The read-only account SWAP connects as.")
    password: Secret | None = Field(default=None, description="The account's password.")
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = Field(default="prefer", description="libpq's sslmode.")


Source = Annotated[FilesSource | PostgresSource, Field(discriminator="kind")]


class Grant(Model):
    """A rule that opens something to groups."""

    name: str = Field(description="The rule's name, as errors and the audit show it.")
    groups: tuple[str, ...] = Field(description='Groups it is for; "*" is everyone who may sign in.')
    actions: tuple[Literal["discover", "read"], ...] = Field(default=("discover", "read"), description="What it allows.")
    on: tuple[str, ...] = Field(description="source.schema.table.column patterns; * stands for any name, trailing parts may be left out.")


class Denial(Model):
    """A rule that locks something; it outweighs every grant."""

    name: str = Field(description="The rule's name, as errors and the audit show it.")
    on: tuple[str, ...] = Field(description="source.schema.table.column patterns, as in a grant.")
    unless_groups: tuple[str, ...] = Field(default=(), description="Groups the lock does not bind.")
    actions: tuple[Literal["discover", "read"], ...] = Field(default=("read",), description="What it forbids.")
    because: str = Field(description="Why, as the end of the sentence 'The rule <name> …'.")
    ask: str = Field(description="Whom to ask for access.")
    instead: dict[str, str] = Field(default_factory=dict, description="Locked column → a column that may serve instead.")


class Policy(Model):
    """Rights on source, schema, table and column by group.  What no grant names is closed."""

    grants: tuple[Grant, ...] = Field(default=(), description="What is open, to whom.")
    denials: tuple[Denial, ...] = Field(default=(), description="What is locked, except for whom.")
    ask: str = Field(default="the data owners", description="Whom to ask when no rule names anybody.")


class Limits(Model):
    """What one query may use.  The limit appears in the error."""

    rows: int = Field(default=5_000_000, ge=1, description="Rows of a result.")
    bytes: int = Field(default=2_000_000_000, ge=1, description="Bytes of a result, as Arrow.")
    source_bytes: int = Field(default=8_000_000_000, ge=1, description="Bytes fetched from all sources of a query, as Arrow.")
    seconds: Seconds = Field(default=600.0, description="Seconds a query may run, waiting not counted.")
    memory_bytes: int = Field(default=1_000_000_000, ge=1, description="Bytes of memory the combiner may use.")
    spill_bytes: int = Field(default=4_000_000_000, ge=1, description="Bytes the combiner may spill to disk.")
    statement_bytes: int = Field(default=65_536, ge=1, description="Bytes of a statement's text.")
    upload_bytes: int = Field(default=200_000_000, ge=1, description="Bytes of one of a person's own tables, as Arrow.")
    spool_bytes: int = Field(default=20_000_000_000, ge=1, description="Bytes of all kept results.")
    spool_hours: float = Field(default=24.0, gt=0, description="Hours a result is kept.")
    waiting_per_person: int = Field(default=20, ge=1, description="Queries of one person that may wait.")


class Launch(Model):
    """How people's Jupyter servers are started."""

    isolation: Literal["none"] = Field(default="none", description="How people's servers are kept apart; `none` is the same OS user, on loopback only.")
    start_seconds: Seconds = Field(default=60.0, description="Seconds a server may take to start.")


class Settings(Model):
    """All of swap.toml."""

    state: Path = Field(description="The directory that holds everything SWAP keeps on this machine.")
    site: Site = Field(default_factory=Site, description="The site as people meet it.")
    database: Database = Field(default_factory=Database, description="SWAP's own PostgreSQL.")
    people: People = Field(default_factory=People, description="Who may sign in.")
    sources: dict[Name, Source] = Field(default_factory=dict, description="The sources, each by the site's own name for it.")
    policy: Policy = Field(default_factory=Policy, description="Rights, by group.")
    limits: Limits = Field(default_factory=Limits, description="What one query may use.")
    launch: Launch = Field(default_factory=Launch, description="How servers are started.")
    kernel_env: Path | None = Field(default=None, description="The environment notebooks run in; found beside the server's when absent.")
    examples: Path | None = Field(default=None, description="The directory of example notebooks offered on Home.")


def load(path: Path) -> Settings:
    """Read swap.toml; relative paths are meant from its directory.

    Raises SettingsError that lists every problem at once, each with file and line.
    """
    raise NotImplementedError(path)


def explain(path: Path, document: str, error: Any) -> list[str]:
    """Return one line for each problem: `swap.toml:12: limits.memroy is not a setting. Did you mean …?`."""
    raise NotImplementedError(path, document, error)
