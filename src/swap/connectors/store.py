"""What connectors to a server have in common: each request goes to a child process that connects, and is followed here.

A kind of store adds how to connect (`request`) and for whom it reads; the child's module does the rest.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from swap.connectors.base import (
    Capabilities,
    Dataset,
    Deadline,
    Fragment,
    Native,
    OnBehalf,
    Progress,
    ReadStats,
    Sent,
    Server,
    unheard,
)
from swap.connectors.messages import (
    DATASETS,
    HANDLE,
    NOTICE,
    PROGRESS,
    STANDING,
    STATEMENT,
    decode_dataset,
    encode_fragment,
    encode_schema,
)
from swap.connectors.process import END, MODULES, PROGRAM, Asked, Readers, unavailable
from swap.connectors.standing import Standing
from swap.errors import (
    Problem,
    QueryCancelled,
    QueryTimedOut,
    SettingsError,
    SourceUnavailable,
    SwapError,
    TimedOut,
    from_json,
)
from swap.forking import shared
from swap.settings import Secret

log = logging.getLogger(__name__)

GRACE_SECONDS = 4.0
"""How long a reader process may take to cancel at the server before it is killed; it gives up a second sooner."""
START_SECONDS = 10.0
"""How long a reader process may take to start, beside the time to connect."""
HARVEST_SECONDS = 3600.0
"""How long a whole harvest may take."""


class StoreConnector(ABC):
    """A source that is a server."""

    capabilities: Capabilities
    module: str
    """What its reader processes run."""
    question_seconds = 120.0
    """How long each question of a harvest may take."""

    def __init__(self, name: str, connect_seconds: float) -> None:
        self.name = name
        self._connect_seconds = connect_seconds
        self._readers = Readers(name, shared(PROGRAM), MODULES.index(self.module), GRACE_SECONDS)

    @abstractmethod
    def request(self, query_id: str, ends_at: float, on_behalf: OnBehalf | None) -> Mapping[str, Any]:
        """Return what a reader process needs to connect, for somebody or, to harvest, for SWAP itself.

        Raises SourceUnavailable, Forbidden.
        """

    @abstractmethod
    def account(self, on_behalf: OnBehalf) -> str:
        """Return as whom it is read for somebody, in the source's words.  Raises Forbidden."""

    def check(self) -> Standing:
        """Connect, and tell how SWAP stands with the source; this gets a reader process ready, too."""
        return self._standing()

    def _standing(self, **about: Any) -> Standing:
        told = [message[STANDING] for message in self._asked("check", self.soon(), **about) if STANDING in message]
        return Standing.from_plain(told[0]) if told else Standing()

    def harvest(self) -> Iterator[Sequence[Dataset]]:
        """Yield every table and view that SWAP's own account may read, without the store's own schemas."""
        for told in self._asked("harvest", Deadline(time.monotonic() + HARVEST_SECONDS)):
            if DATASETS in told:
                yield [decode_dataset(each) for each in told[DATASETS]]

    def order_to_read(
        self,
        asked: Fragment | Native,
        on_behalf: OnBehalf,
        deadline: Deadline,
        account: str,  # noqa: ARG002 — where there is one, `request` knows it
    ) -> dict[str, Any]:
        """Return what a reader process is told to read, as `account` chose.  Raises SourceUnavailable, Forbidden."""
        do = "native" if isinstance(asked, Native) else "read"
        order = self.order(do, asked.query_id or "query", deadline.at, on_behalf)
        if isinstance(asked, Native):
            known = pa.schema([(str(at), type_ or pa.null()) for at, type_ in enumerate(asked.columns)])
            about = {"text": asked.text, "tables": asked.tables, "query_id": asked.query_id}
            return order | about | {"columns": encode_schema(known)}
        return order | {"fragment": encode_fragment(asked)}

    def servers(self) -> Sequence[Server]:
        """Return nothing: there is one, of which nothing else is known."""
        return ()

    def server_of(self, schema: str) -> str:  # noqa: ARG002 — it holds all
        """Return no name: there is one."""
        return ""

    def read(
        self,
        fragment: Fragment | Native,
        on_behalf: OnBehalf,
        deadline: Deadline,
        tell: Callable[[Progress], None] = unheard,
    ) -> StoreReader:
        """Start a fragment."""
        return StoreReader(self, fragment, on_behalf, deadline, tell)

    def end(self, handle: Mapping[str, Any], query_id: str) -> bool:  # noqa: ARG002 — its readers tell of none
        """Find nothing: what its readers began ends with them."""
        return False

    def close(self) -> None:
        """Cancel what runs, and end all reader processes."""
        self._readers.close()

    def soon(self) -> Deadline:
        """Return by when a server that is up has answered a short question."""
        return Deadline(time.monotonic() + self._connect_seconds + START_SECONDS)

    def order(self, do: str, query_id: str, ends_at: float, on_behalf: OnBehalf | None) -> dict[str, Any]:
        """Return what a reader process is told to do."""
        about = {"do": do, "source": self.name, "ends_at": ends_at}
        return {**self.request(query_id, ends_at, on_behalf), **about}

    def ask(self, deadline: Deadline) -> Asked:
        """Return a request to be made of a reader process."""
        return self._readers.ask(deadline, _told)

    def password(self, secret: Secret) -> str:
        """Return an account's password.  Raises SourceUnavailable."""
        try:
            return secret.read()
        except SettingsError as error:
            log.warning("%s: %s", self.name, error)
            raise unavailable(self.name, "SWAP cannot read the password of its account.") from None

    def _asked(self, do: str, deadline: Deadline, **more: Any) -> Iterator[dict[str, Any]]:
        now = time.monotonic()
        seconds = min(self.question_seconds, deadline.at - now)
        order = self.order(do, do, now + seconds, None) | {"question_seconds": seconds} | more
        try:
            yield from self.ask(deadline).follow(order)
        except QueryTimedOut:
            raise SourceUnavailable(
                Problem(
                    f"{self.name} does not answer.",
                    f"A question about its catalog took longer than {seconds:.0f} s.",
                    "Other sources keep working.",
                    source=self.name,
                )
            ) from None


def _told(error: Any) -> SwapError:
    """Return the error that the child tells of."""
    told = from_json(error)
    return QueryTimedOut() if isinstance(told, TimedOut) else told


class StoreReader:
    """One fragment, read by one child process."""

    def __init__(
        self,
        connector: StoreConnector,
        fragment: Fragment | Native,
        on_behalf: OnBehalf,
        deadline: Deadline,
        tell: Callable[[Progress], None],
    ) -> None:
        self.stats = ReadStats()
        self._connector = connector
        self._fragment = fragment
        self._on_behalf = on_behalf
        self._deadline = deadline
        self._tell = tell
        self._asked = connector.ask(deadline)

    @property
    def pid(self) -> int | None:
        """The process that reads, while it does."""
        return self._asked.pid

    def send(self, sink: int, heard: Callable[[Sent], None], names: Sequence[str] = ()) -> int | None:
        """Let the child write the fragment's rows."""
        connector, fragment = self._connector, self._fragment
        rows: int | None = None
        # Chosen once: what is recorded is what reads.
        account = self.stats.account = connector.account(self._on_behalf)
        order = connector.order_to_read(fragment, self._on_behalf, self._deadline, account)
        for told in self._asked.follow(order | {"names": list(names)}, sink):
            if END in told:
                rows = told[END]
            elif STATEMENT in told:
                self.stats.statement = told[STATEMENT]
            elif HANDLE in told:
                self._tell(Progress(handle=told[HANDLE]))
            elif NOTICE in told:
                self._tell(Progress(notice=told[NOTICE]))
            elif PROGRESS in told:
                self._tell(Progress(*told[PROGRESS]))
            else:
                self.stats.rows, self.stats.bytes = told["rows"], told["at"]
                heard(Sent(told["rows"], told["at"]))
        return rows

    def cancel(self) -> None:
        """Have the child cancel at the server, and end it; `send` then raises QueryCancelled."""
        self._asked.stop(QueryCancelled())

    def close(self) -> None:
        """Give the child back when it has answered wholly, else end it."""
        self._asked.close()
