from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from swap import ports


def test_free_ports_are_different_and_none_that_an_outgoing_connection_can_take() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    found = ports.free(50)
    assert len(set(found)) == 50
    assert max(found) < min(lowest, 32_768)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_somebody_listens_on_is_not_free(address: str) -> None:
    (port,) = ports.free(1)
    with socket.create_server((address, port)), pytest.raises(ports.Conflict):
        ports.require_free("127.0.0.1", port)


def test_the_remedy_names_the_settings_that_chose_the_port() -> None:
    (port,) = ports.free(1)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(ports.Conflict) as caught:
        ports.require_free("127.0.0.1", port, "origins")
    assert caught.value.problem.todo.endswith("origins.port or origins.http_port in swap.toml.")


def test_a_machine_without_loopback_is_told_at_once() -> None:
    code = (
        "from swap import ports\ntry: ports.require_free('127.0.0.1', 25000)\nexcept Exception as error: print(error)"
    )
    # Without root a namespace of one's own needs a user namespace too.
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    told = subprocess.run(
        ["unshare", "--net", *mapped, sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert told.stdout.strip() == (
        "This machine does not reach itself at 127.0.0.1. Network is unreachable. "
        "Bring its loopback interface up: ip link set lo up"
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_who_holds_a_port_is_named(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as held:
        port = held.getsockname()[1]
        assert ports.holder(port) == f"{psutil.Process().name()} (process {os.getpid()})"
    assert ports.holder(port) == ""
