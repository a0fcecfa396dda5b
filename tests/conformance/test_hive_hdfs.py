"""A Hive whose tables are in an HDFS: SWAP reads for somebody what HDFS itself lets them read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import services
import sign_in
from hdfs import PLACE, RunningHdfs
from sign_in import ANN, BOB, connected, said
from swap.errors import SourceFailed

HIVE_ACTS = {"hadoop.proxyuser.hive.hosts": "127.0.0.1", "hadoop.proxyuser.hive.users": "ann,bob,swap"}
ROWS = ["one", "two"]


class Stored:
    """A HiveServer2 that acts for people at an HDFS, in an account of its own there."""

    def __init__(self) -> None:
        self.hdfs = RunningHdfs(HIVE_ACTS)
        self.server = services.RunningHive(
            self._settings("true"),
            hadoop={"fs.defaultFS": self.hdfs.url, **sign_in.PROXY},
            properties={"HADOOP_USER_NAME": "hive"},
        )

    def _settings(self, acts: str) -> dict[str, str]:
        return {
            "hive.server2.enable.doAs": acts,
            "hive.metastore.warehouse.dir": f"{self.hdfs.url}{PLACE}/warehouse",
            "hive.metastore.warehouse.external.dir": f"{self.hdfs.url}{PLACE}/external",
            "hive.exec.scratchdir": f"{self.hdfs.url}{PLACE}/scratch",
            "hive.query.results.cache.directory": f"{PLACE}/cache",
            "mapreduce.jobtracker.staging.root.dir": PLACE,
        }

    def act_for_nobody(self) -> None:
        """Have Hive ask HDFS in its own account from now on, whoever asks it."""
        self.server.kill()
        self.server.configure(self._settings("false"))
        self.server.revive()

    def make(self, table: str) -> set[str]:
        """Make a table as ann, which nobody but its owner may look into; return who owns its files."""
        place = f"{PLACE}/{table}"
        with sign_in.session(self.server.port, {"user": "ann", "password": "x"}) as session:
            sign_in.run(
                session,
                f"CREATE EXTERNAL TABLE {table} (said string) LOCATION '{self.hdfs.url}{place}'",
                f"INSERT INTO {table} VALUES {', '.join(f'({each!r})' for each in ROWS)}",
            )
        self.hdfs.close_to_others(place)
        owners = self.hdfs.owners(place)
        assert len(owners) > 1, "there is a file in it"
        return set(owners.values())

    def close(self) -> None:
        self.server.close()
        self.hdfs.close()


@pytest.fixture(scope="module")
def stored() -> Iterator[Stored]:
    made = Stored()
    yield made
    made.close()


@pytest.fixture(scope="module")
def owners(stored: Stored) -> set[str]:
    """Make the table `hers`."""
    return stored.make("hers")


def test_what_a_person_makes_is_theirs(owners: set[str]) -> None:
    assert owners == {"ann"}


@pytest.mark.usefixtures("owners")
@pytest.mark.parametrize("session", [{}, {"hive.fetch.task.conversion": "none"}], ids=["fetched", "read by a job"])
def test_another_person_is_refused_by_hdfs_itself(stored: Stored, session: dict[str, Any]) -> None:
    with connected(stored.server.port, tls="disable", user="swap", session=session) as hive:
        assert sorted(said(hive, "default.hers", ANN)) == ROWS
        with pytest.raises(SourceFailed, match="It may not be read there as you") as raised:
            said(hive, "default.hers", BOB)

    told = str(raised.value)
    assert not any(part in told for part in ("127.0.0.1", "hdfs", PLACE, "hers", "denied", "bob", "Exception"))


@pytest.mark.usefixtures("owners")
def test_where_the_files_say_who_may_what_nothing_is_held_against_swaps_account(stored: Stored) -> None:
    with connected(stored.server.port, tls="disable", user="swap") as hive:
        assert hive.check().excess == ()


# The last one: the server comes back as another.
def test_a_hive_that_acts_for_nobody_owns_all_and_another_person_reads(stored: Stored) -> None:
    stored.act_for_nobody()
    assert stored.make("everybodys") == {"hive"}

    with connected(stored.server.port, tls="disable", user="swap") as hive:
        assert sorted(said(hive, "default.everybodys", BOB)) == ROWS
