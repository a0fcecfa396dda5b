"""S03, S07, H15: what one person's programs reach: SWAP's gateway and hub, what the site names, and nothing else."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from swap import ports
from town import ANN, BOB, Town, as_planned

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give people walls")

CONNECT = """
    import json, os, socket
    family, address = json.loads(os.environ["WANTED"])
    try:
        with socket.socket(getattr(socket, family), socket.SOCK_STREAM) as speaker:
            speaker.settimeout(5)
            speaker.connect(address if isinstance(address, str) else tuple(address))
            speaker.sendall(b"who is there?")
            speaker.shutdown(socket.SHUT_WR)
            told = b""
            while piece := speaker.recv(1000):
                told += piece
            print(json.dumps(told.decode() or "closed"))
    except OSError as error:
        print(json.dumps(error.strerror or type(error).__name__))
"""


def on_the_machines_network(plan):
    return replace(plan, own_network=False, doors_in=(), doors_out=())


@contextmanager
def listening(address, *, family=socket.AF_INET, says=b"a secret") -> Iterator[list[bytes]]:
    """Answer everybody who comes to an address of this machine; yield what they said."""
    heard: list[bytes] = []
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
        server.listen()

        def answer():
            while True:
                try:
                    came, _ = server.accept()
                except OSError:
                    return
                with came:
                    words = b""
                    while piece := came.recv(1000):
                        words += piece
                    heard.append(words)
                    came.sendall(says)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield heard
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def connect(town, address, weaken=as_planned, family="AF_INET"):
    return town.start(ANN, CONNECT, weaken, WANTED=json.dumps([family, address])).told()


@pytest.fixture
def someones_port():
    """A port of this machine's loopback: the database's, the proxy's API, a store's, somebody's notebook."""
    (port,) = ports.free(1)
    with listening(("127.0.0.1", port)):
        yield port


def test_a_port_of_the_machine_is_not_there(town, someones_port):
    assert connect(town, ("127.0.0.1", someones_port)) == "Connection refused"
    assert connect(town, ("127.0.0.1", someones_port), on_the_machines_network) == "a secret", "the control"


@pytest.mark.parametrize("door", ["gateway_port", "hub_port"])
def test_the_gateway_and_the_hub_are_reached(town, door):
    with listening(("127.0.0.1", getattr(town.runtime, door)), says=b"SWAP") as heard:
        assert connect(town, ("127.0.0.1", getattr(town.runtime, door))) == "SWAP"

    assert heard == [b"who is there?"]


def test_a_door_whose_other_side_is_away_closes(town):
    ends = {"closed", "Connection reset by peer", "Transport endpoint is not connected"}
    assert connect(town, ("127.0.0.1", town.runtime.gateway_port)) in ends


@pytest.mark.parametrize("address", ["169.254.169.254", "192.0.2.1", "10.0.0.1", "255.255.255.255"])
def test_no_route_leads_out(town, address):
    assert connect(town, (address, 80)) in {"Network is unreachable", "Permission denied"}


def test_an_address_of_the_machine_other_than_loopback_is_not_there(town):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        own = probe.getsockname()[0]
    (port,) = ports.free(1)
    with listening(("0.0.0.0", port)):
        assert connect(town, (own, port)) == "Network is unreachable"
        assert connect(town, (own, port), on_the_machines_network) == "a secret", "the control"


def test_sockets_without_a_file_are_not_there(town):
    name = "\0swap-test-of-bob"
    with listening(name, family=socket.AF_UNIX):
        assert connect(town, name, family="AF_UNIX") == "Connection refused"
        assert connect(town, name, on_the_machines_network, family="AF_UNIX") == "a secret", "the control"


SERVE = """
    import os, socket
    with socket.create_server(("0.0.0.0", int(os.environ["PORT"]))) as server:
        print("listens", flush=True)
        while True:
            came, _ = server.accept()
            with came:
                while came.recv(1000):
                    pass
                came.sendall(b"bob's server")
"""


def ask(port):
    with socket.create_connection(("127.0.0.1", port), 5) as speaker:
        speaker.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: speaker.recv(1000), b""))


def test_a_server_is_reached_from_the_machine_and_by_nobody_elses_programs(town):
    port = town.ports[BOB.person_id]
    server = town.start(BOB, SERVE, PORT=str(port))
    server.wait_for("listens")

    assert ask(port) == b"bob's server"
    assert connect(town, ("127.0.0.1", port)) == "Connection refused"
    assert connect(town, ("127.0.0.1", port), on_the_machines_network) == "bob's server", "the control"


def test_a_port_that_a_program_listens_on_is_not_the_machines(town):
    (port,) = ports.free(1)
    town.start(BOB, SERVE, PORT=str(port)).wait_for("listens")

    with pytest.raises(ConnectionRefusedError):
        ask(port)
    town.start(ANN, SERVE, on_the_machines_network, PORT=str(port)).wait_for("listens")
    assert ask(port) == b"bob's server", "the control"


def test_ports_of_two_people_do_not_meet(town):
    for seat in (ANN, BOB):
        town.start(seat, SERVE, PORT="8888").wait_for("listens")


@pytest.fixture
def reaching(state, forks):
    (port,) = ports.free(1)
    made = Town(state, {"reach": [f"localhost.localdomain.test:{port}", f"mirror.test:{port}"]}, forks)
    made.mirror = port
    yield made
    made.close()


def test_what_the_site_names_is_reached_by_its_name(reaching):
    def to_loopback(plan):
        """The names are the test's own: for the machine they stand for its loopback."""
        doors = tuple(
            (*door[:2], "127.0.0.1", door[3]) if door[2].endswith(".test") else door for door in plan.doors_out
        )
        return replace(plan, doors_out=doors)

    with listening(("127.0.0.1", reaching.mirror), says=b"packages"):
        assert connect(reaching, ("mirror.test", reaching.mirror), to_loopback) == "packages"
        assert connect(reaching, ("127.0.0.1", reaching.mirror), to_loopback) == "Connection refused"
        assert connect(reaching, ("other.test", reaching.mirror), to_loopback) == "Name or service not known"


def test_much_passes_a_door_whole_and_both_ways(town):
    size = 30_000_000
    program = f"""
        import hashlib, json, os, socket
        kept = os.urandom({size})
        with socket.create_connection(("127.0.0.1", {town.runtime.gateway_port})) as speaker:
            speaker.sendall(kept)
            speaker.shutdown(socket.SHUT_WR)
            told = b"".join(iter(lambda: speaker.recv(1_000_000), b""))
        print(json.dumps(told == kept))
    """
    with socket.create_server(("127.0.0.1", town.runtime.gateway_port)) as server:
        running = town.start(ANN, program)
        came, _ = server.accept()
        with came:
            came.sendall(b"".join(iter(lambda: came.recv(1_000_000), b"")))
            came.shutdown(socket.SHUT_WR)
        assert running.told() is True


def test_a_connection_that_breaks_breaks_on_the_other_side(town):
    program = f"""
        import json, socket
        with socket.create_connection(("127.0.0.1", {town.runtime.gateway_port})) as speaker:
            print("connected", flush=True)
            try:
                print(json.dumps(len(speaker.recv(10))))
            except OSError as error:
                print(json.dumps(0))
    """
    with socket.create_server(("127.0.0.1", town.runtime.gateway_port)) as server:
        running = town.start(ANN, program)
        came, _ = server.accept()
        running.wait_for("connected")
        came.close()

        assert running.told() == 0


def test_who_holds_a_door_has_no_power_left(town):
    server = town.start(BOB, SERVE, PORT="8888")
    server.wait_for("listens")
    for status in Path(f"/proc/{server.process.pid}/task").glob("*/status"):
        told = dict(line.split(":", 1) for line in status.read_text(encoding="ascii").splitlines())

        assert [int(told[name], 16) for name in told if name.startswith("Cap")] == [0, 0, 0, 0, 0]
        assert told["NoNewPrivs"].strip() == "1"
