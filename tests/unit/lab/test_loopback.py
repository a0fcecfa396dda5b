"""What a person's server asks with."""

from __future__ import annotations

import ssl

import httpx
import pytest

from swap.lab.access import Listener
from swap.lab.handlers import Gateway
from swap.lab.idle import Queries
from swap.lab.sending import Store
from swap.lab.tokens import Tokens

GATEWAY = "http://127.0.0.1:1"


@pytest.fixture
def nobody_reads_authorities(monkeypatch):
    """Fail whoever reads them: it takes longer than all else that a forked server does before it answers."""

    def read(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", read)


@pytest.mark.usefixtures("nobody_reads_authorities")
def test_no_client_of_a_persons_server_reads_the_authorities_of_the_world():
    tokens = Tokens(GATEWAY, "credential")
    Gateway(GATEWAY, tokens)
    Store(GATEWAY, tokens)
    Listener(GATEWAY, "credential", lambda _: None)
    Queries(GATEWAY, "credential")

    with pytest.raises(AssertionError):  # the control
        httpx.AsyncClient()
