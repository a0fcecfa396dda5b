from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from swap.launch import server
from swap.launch.model import Places
from swap.people.model import Person
from swap.runtime import Runtime
from swap.settings import Launch, Origins, Settings

SETTINGS = Settings.model_validate({"state": "/state", "site": {"time_zone": "Europe/Berlin"}})
RUNTIME = Runtime(
    config=Path("/swap.toml"),
    database_urls={"hub": "postgresql://hub:database-password@h/d"},
    gateway_port=1001,
    web_port=1002,
    hub_port=1003,
    traefik_api_port=1005,
    traefik_api_password="api-password",
    traefik_directory=Path("/traefik"),
    socket_directory=Path("/sockets"),
    kernel_key="kernel-key",
    portal_key="portal-key",
    web_service_token="service-token",
    hub_cookie_secret="cookie-secret",
    kernel_env=Path("/kernel"),
    homes=Path("/homes"),
    spool=Path("/spool"),
)
ANN = Person("pabcdefghi", "Ann O'Brien", frozenset({"analysts"}), 0)


def launch(**hub_environment: str):
    places = Places(Path("/homes/pabcdefghi"), Path("/sockets/pabcdefghi.sock"))
    return server.server(
        SETTINGS, RUNTIME, ANN, places=places, port=1006, credential="the-credential", hub_environment=hub_environment
    )


def test_a_server_is_told_exactly_this():
    assert launch(JUPYTERHUB_USER="pabcdefghi").env == {
        "JUPYTERHUB_USER": "pabcdefghi",
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/homes/pabcdefghi",
        "LANG": "C.UTF-8",
        "TZ": "Europe/Berlin",
        "SWAP_GATEWAY": "http://127.0.0.1:1001",
        "SWAP_HOME_URL": "http://localhost:8000",
        "SWAP_ADDRESSES": "http://localhost:8000",
        "JUPYTERHUB_HOST": "",
        "SWAP_PERSON_NAME": "Ann O'Brien",
        "SWAP_TOKEN_SOCKET": "/sockets/pabcdefghi.sock",
        "SWAP_KERNEL_ENV": "/kernel",
        "SWAP_IDLE_HOURS": "72.0",
        "SWAP_IDLE_TOLD_HOURS": "9.0",
    }


def test_a_server_knows_the_addresses_it_is_reached_below_the_public_one_first():
    origins = {"url": "https://swap.example.org", "certificate": "/c", "key": "/k"}
    public = SETTINGS.model_copy(update={"origins": Origins.model_validate(origins)})
    places = Places(Path("/homes/pabcdefghi"), Path("/sockets/pabcdefghi.sock"))
    env = server.server(
        public, RUNTIME, ANN, places=places, port=1006, credential="c", hub_environment={"JUPYTERHUB_HOST": "http://h"}
    ).env

    assert env["SWAP_ADDRESSES"] == "https://swap.example.org http://localhost:8000"
    assert env["SWAP_HOME_URL"] == "https://swap.example.org"
    assert env["JUPYTERHUB_HOST"] == ""


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://pypi.example.org/simple", {"PIP_INDEX_URL": "https://pypi.example.org/simple"}),
        (
            "http://pypi.example.org/simple",
            {"PIP_INDEX_URL": "http://pypi.example.org/simple", "PIP_TRUSTED_HOST": "pypi.example.org:80"},
        ),
    ],
)
def test_pip_is_told_of_the_sites_index(url, told):
    site = SETTINGS.model_copy(update={"launch": Launch(index_url=url)})
    places = Places(Path("/homes/pabcdefghi"), Path("/sockets/pabcdefghi.sock"))
    env = server.server(site, RUNTIME, ANN, places=places, port=1006, credential="c", hub_environment={}).env

    assert {name: value for name, value in env.items() if name.startswith("PIP_")} == told


def test_nothing_of_our_own_environment_is_inherited(tmp_path):
    os.environ["SWAP_TEST_CONTROL"] = "planted"
    try:
        assert "planted" not in str(launch().env)
    finally:
        del os.environ["SWAP_TEST_CONTROL"]


def test_of_what_the_hub_offers_only_its_own_variables_pass():
    env = launch(
        JUPYTERHUB_API_TOKEN="t", JPY_API_TOKEN="t", PATH="/evil", HOME="/evil", PYTHONPATH="/evil", LD_PRELOAD="/evil"
    ).env

    assert "/evil" not in str(env)
    assert "JPY_API_TOKEN" not in env


def test_secrets_are_told_apart_from_the_environment():
    made = launch(JUPYTERHUB_API_TOKEN="t0k3n", JUPYTERHUB_USER="pabcdefghi")

    assert made.secrets == {"SWAP_SERVER_CREDENTIAL": "the-credential", "JUPYTERHUB_API_TOKEN": "t0k3n"}
    assert not [value for value in made.env.values() if value in {"the-credential", "t0k3n"}]


def test_no_key_or_password_of_swaps_own_is_told():
    told = str(launch().env) + str(launch().argv)

    for secret in ("database-password", "api-password", "kernel-key", "portal-key", "service-token", "cookie-secret"):
        assert secret not in told


def test_the_credential_is_not_on_the_command_line_nor_in_what_is_printed():
    assert "the-credential" not in str(launch().argv)
    assert "the-credential" not in repr(launch())


def test_the_program_is_ours_by_its_own_interpreter_and_starts_in_the_persons_home():
    assert launch().argv == (sys.executable, "-I", "-m", "swap.lab")
    assert launch().cwd == Path("/homes/pabcdefghi")
    assert launch().log == Path("/state/logs/server-pabcdefghi.log")
