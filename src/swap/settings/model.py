"""All of swap.toml as one frozen value."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from swap.settings.base import HookHost, HostAddress, Location, Model, Name, Seconds, Secret
from swap.settings.mail import Mail
from swap.settings.origins import Address, Origins
from swap.settings.people import People
from swap.settings.policy import Policy
from swap.settings.sources import Source

_PORTS = {"https": 443, "http": 80}


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
    def address(self) -> Address:
        """The address on the machine itself, which people reach through a tunnel."""
        return Address("http", self.host, self.public_port or self.port)

    @property
    def url(self) -> str:
        """That address, without a trailing slash."""
        return self.address.url


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
    spool_hours: float = Field(default=24.0, gt=0, le=876_000, description="Hours a result is kept.")
    waiting_per_person: int = Field(default=20, ge=1, description="Queries of one person that may wait.")


def _of_packages(url: str) -> str:
    split = urlsplit(url)
    if split.scheme not in {"https", "http"} or not split.hostname or split.query or split.fragment:
        msg = "it must be the address of a package index, for example https://pypi.example.org/simple"
        raise ValueError(msg)
    if split.username is not None or split.password is not None:
        msg = "it must hold no name and no password: everybody's programs see it"
        raise ValueError(msg)
    if split.port == 0:
        msg = "its port must be between 1 and 65535"
        raise ValueError(msg)
    return url


class Launch(Model):
    """How people's Jupyter servers are started."""

    isolation: Literal["none", "user"] = Field(
        default="none",
        description="How people's servers are kept apart: `none` is the same OS user, on loopback only; `user` is an OS"
        " user, a view of the files and limits for each person, and needs root.",
    )
    first_uid: int = Field(
        default=2_100_000_000,
        ge=1_000,
        le=2_147_000_000,
        description="With `user`, the first of the system's user ids that people are given. Once given, never change it"
        " to overlap with ids of other users.",
    )
    uids: int = Field(
        default=100_000,
        ge=8,
        le=1_000_000,
        description="With `user`, how many ids there are; none is given twice. The last seven are those of SWAP's"
        " worker, hub, readers of notebooks, portal, gateway, combiners and readers of files.",
    )
    memory_bytes: int = Field(
        default=4_000_000_000,
        ge=300_000_000,
        description="With `user`, bytes of memory that all of one person's processes may use together.",
    )
    cpus: float = Field(
        default=2.0, ge=0.1, description="With `user`, processors that one person's processes may keep busy together."
    )
    processes: int = Field(
        default=1_000, ge=100, description="With `user`, processes and threads that one person may have."
    )
    disk_bytes: int | None = Field(
        default=None,
        ge=50_000_000,
        description="With `user`, bytes of a disk of its own for each person's home and temporary files; by default all"
        " share the disk of `state`. Counts for disks made from then on.",
    )
    reach: tuple[HostAddress, ...] = Field(
        default=(),
        description="With `user`, what people's programs may connect to beside SWAP, as host:port, such as a mirror of"
        " packages; nothing else is reachable.",
    )
    index_url: Annotated[str, AfterValidator(_of_packages)] | None = Field(
        default=None,
        description="Where people's pip looks for packages: a mirror's simple index; pip's own default when absent."
        " With `user` its host must also be in `reach`. Over http:// pip trusts whoever answers.",
    )
    start_seconds: Seconds = Field(
        default=60.0, description="Seconds a server may take to start, from when it is its turn."
    )
    starts_at_once: int | None = Field(
        default=None,
        ge=1,
        description="Servers that start at a time; the others wait for their turn. By default as many as there are"
        " processors.",
    )
    idle_hours: float = Field(
        default=72.0,
        ge=0,
        le=8_760,
        description="Hours after which a server is stopped in which no cell, query or program in a terminal has run and"
        " nobody has done anything; its person is told in the last eighth of them. 0 is never.",
    )

    @property
    def uid_range(self) -> range:
        """The ids that people are given."""
        return range(self.first_uid, self.first_uid + self.uids - 7)

    @property
    def own_uids(self) -> tuple[int, ...]:
        """The ids of SWAP's own programs."""
        start = self.uid_range.stop
        return tuple(range(start, start + 7))

    # From the end, so that each keeps its id when another comes before.
    @property
    def worker_uid(self) -> int:
        """The id of the worker."""
        return self.uid_range.stop

    @property
    def hub_uid(self) -> int:
        """The id of the hub."""
        return self.uid_range.stop + 1

    @property
    def notebooks_uid(self) -> int:
        """The id of what reads notebooks."""
        return self.uid_range.stop + 2

    @property
    def portal_uid(self) -> int:
        """The id of the portal."""
        return self.uid_range.stop + 3

    @property
    def gateway_uid(self) -> int:
        """The id of the gateway, and of what reads from servers for it."""
        return self.uid_range.stop + 4

    @property
    def combiners_uid(self) -> int:
        """The id of what puts results together."""
        return self.uid_range.stop + 5

    @property
    def readers_uid(self) -> int:
        """The id of what reads files."""
        return self.uid_range.stop + 6

    @property
    def index_address(self) -> str:
        """The package index as host:port, or nothing."""
        split = urlsplit(self.index_url or "")
        return f"{split.hostname}:{split.port or _PORTS[split.scheme]}" if split.hostname else ""

    @property
    def idle_told_hours(self) -> float:
        """How long before their idle server is stopped people are told."""
        return self.idle_hours / 8


class Keep(Model):
    """How long SWAP's database keeps what is over."""

    ended_days: float = Field(
        default=90.0,
        ge=1,
        le=36_500,
        description="Days for which ended queries, sign-ins, portal sessions and servers, notices, and what"
        " reports sent, are kept. The audit tells of the others for longer.",
    )
    deleted_days: float = Field(
        default=90.0,
        ge=1,
        le=36_500,
        description="Days for which a deleted notebook can be brought back, with its history.",
    )
    person_bytes: int = Field(
        default=20_000_000_000,
        ge=1_000_000,
        description="Bytes that the versions of one person's notebooks may take in the database, packed, editions of"
        " their reports too; deleted ones do not count, but with them it is twice as much at most. They are told from"
        " 90 % on; above, a save is a file and no version, and a run of a report is not kept.",
    )
    audit_days: float | None = Field(
        default=None, ge=1, le=36_500, description="Days for which the audit is kept; for ever when absent."
    )


class Reports(Model):
    """How notebooks run that run by themselves."""

    at_once: int = Field(default=2, ge=1, le=1_000, description="Runs at a time; the others wait for their turn.")
    run_minutes: float = Field(
        default=60.0, gt=0, le=10_080, description="Minutes that one run may take; then it is ended, and has failed."
    )
    tables_bytes: int = Field(
        default=10_000_000_000,
        ge=1_000_000,
        description="Bytes that the result tables of one person's reports may take on the disk, all editions; above, a"
        " cell that writes one fails.",
    )
    webhooks: tuple[HookHost, ...] = Field(
        default=(),
        max_length=100,
        description="Hosts that may be told of runs, each host or host:port, 443 where none is named; none without it."
        " They are told over TLS, at public addresses alone: one within the site is named beside its host's name.",
    )
    webhook_ca: Location | None = Field(
        default=None, description="File of the authorities that certify these hosts; by default the system's."
    )
    files: Location | None = Field(
        default=None,
        description="The directory of the data files that reports keep which `swap reports import` took over; each host"
        " that runs reports has it at this path. Whoever reads it reads what those reports' persons may.",
    )


class Settings(Model):
    """All of swap.toml."""

    state: Location = Field(description="The directory that holds everything SWAP keeps on this machine.")
    site: Site = Field(default_factory=Site, description="The site as people meet it.")
    origins: Origins = Field(default_factory=Origins, description="The public address under TLS.")
    database: Database = Field(default_factory=Database, description="SWAP's own PostgreSQL.")
    people: People = Field(default_factory=People, description="Who may sign in.")
    sources: dict[Name, Source] = Field(
        default_factory=dict, description="The sources, each by the site's own name for it."
    )
    policy: Policy = Field(default_factory=Policy, description="Rights, by group.")
    limits: Limits = Field(default_factory=Limits, description="What one query may use.")
    launch: Launch = Field(default_factory=Launch, description="How servers are started.")
    reports: Reports = Field(default_factory=Reports, description="How notebooks run that run by themselves.")
    keep: Keep = Field(default_factory=Keep, description="How long SWAP's database keeps what is over.")
    mail: Mail | None = Field(
        default=None, description="The server that takes the site's mail; without it none is sent."
    )
    kernel_env: Location | None = Field(
        default=None, description="The environment notebooks run in; found beside the server's when absent."
    )
    examples: Location | None = Field(default=None, description="The directory of example notebooks offered on Home.")

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where browsers find the portal: first the public address, if there is one, then the one for tunnels."""
        public = self.origins.address
        return (self.site.address,) if public is None else (public, self.site.address)

    def address_of(self, host: str) -> Address:
        """Return the address that a request came by, from its Host header; the one for tunnels for a foreign name."""
        return next((address for address in self.addresses if address.holds(host)), self.site.address)
