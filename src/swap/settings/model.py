"""All of swap.toml as one frozen value."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from swap.settings.base import Location, Model, Name, Seconds, Secret
from swap.settings.people import People
from swap.settings.policy import Policy
from swap.settings.sources import Source


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
