"""What the server takes from its environment, and what stays there."""

from __future__ import annotations

import pytest

from swap.errors import SettingsError
from swap.lab.environment import take

COMPLETE = {
    "SWAP_GATEWAY": "http://127.0.0.1:9000/",
    "SWAP_HOME_URL": "http://localhost:8000",
    "SWAP_PERSON_NAME": "José",
    "SWAP_SERVER_CREDENTIAL": "s3cret",
    "SWAP_TOKEN_SOCKET": "/run/swap/p1.sock",
    "SWAP_KERNEL_ENV": "/opt/kernel",
    "HOME": "/homes/p1",
}


def test_the_credential_leaves_the_environment_with_the_reading() -> None:
    environ = dict(COMPLETE)
    assert take(environ).credential == "s3cret"
    assert "s3cret" not in environ.values()


def test_the_credential_is_not_printed_with_the_rest() -> None:
    assert "s3cret" not in repr(take(dict(COMPLETE)))


def test_every_missing_variable_is_named() -> None:
    environ = {name: value for name, value in COMPLETE.items() if name not in {"SWAP_GATEWAY", "HOME"}}
    with pytest.raises(SettingsError) as caught:
        take(environ)
    assert "SWAP_GATEWAY" in str(caught.value)
    assert "HOME" in str(caught.value)


def test_lab_shows_the_home_unless_the_hub_names_another_directory() -> None:
    assert str(take(dict(COMPLETE)).root) == "/homes/p1"
    assert str(take({**COMPLETE, "JUPYTERHUB_ROOT_DIR": "/homes/p1/notebooks"}).root) == "/homes/p1/notebooks"


BOTH = {**COMPLETE, "SWAP_ADDRESSES": "https://swap.example.org:8443 http://localhost:8000"}


@pytest.mark.parametrize(
    ("host", "home", "tls"),
    [
        ("p234567abc.swap.example.org:8443", "https://swap.example.org:8443", True),
        ("P234567abc.SWAP.example.org", "https://swap.example.org:8443", True),
        ("p234567abc.localhost:8000", "http://localhost:8000", False),
        ("p234567abc.localhost:18000", "http://localhost:8000", False),
        ("swap.example.org", "http://localhost:8000", False),
        ("x.p234567abc.swap.example.org", "http://localhost:8000", False),
        ("evil.example", "http://localhost:8000", False),
        ("", "http://localhost:8000", False),
    ],
)
def test_the_way_home_and_tls_follow_the_host_one_came_by(host: str, home: str, tls: bool) -> None:
    environment = take(dict(BOTH))

    assert environment.home_of(host) == home
    assert environment.tls(host) is tls


def test_with_one_address_it_is_home_for_everybody_and_has_no_tls() -> None:
    environment = take(dict(COMPLETE))

    assert environment.home_of("p234567abc.localhost:8000") == "http://localhost:8000"
    assert not environment.tls("p234567abc.localhost:8000")
