from __future__ import annotations

import socket
from pathlib import Path

import pytest

from swap import ports


def test_free_ports_are_different_and_none_that_an_outgoing_connection_can_take() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    found = ports.free(50)
    assert len(set(found)) == 50
    assert max(found) < min(lowest, 32_768)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 — somebody else may listen everywhere
def test_a_port_somebody_listens_on_is_not_free(address: str) -> None:
    (port,) = ports.free(1)
    with socket.create_server((address, port)), pytest.raises(ports.Conflict):
        ports.require_free("127.0.0.1", port)
