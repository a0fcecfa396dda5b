from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from swap.launch import server
from swap.launch.model import Places
from swap.launch.rules import rules
from swap.launch.spawn import telling
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
PLACES = Places(Path("/homes/pabcdefghi"), Path("/sockets/pabcdefghi.sock"))


def launch(settings: Settings = SETTINGS):
    return server.server(rules(settings, RUNTIME), "pabcdefghi", PLACES, 1006)


def told(**hub_environment: str):
    return server.told("Ann O'Brien", "the-credential", hub_environment)


def test_a_server_is_told_exactly_this():
    assert launch().env == {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/homes/pabcdefghi",
        "LANG": "C.UTF-8",
        "TZ": "Europe/Berlin",
        "SWAP_GATEWAY": "http://127.0.0.1:1001",
        "SWAP_HOME_URL": "http://localhost:8000",
        "SWAP_ADDRESSES": "http://localhost:8000",
        "SWAP_TOKEN_SOCKET": "/sockets/pabcdefghi.sock",
        "SWAP_KERNEL_ENV": "/kernel",
        "SWAP_IDLE_HOURS": "72.0",
        "SWAP_IDLE_TOLD_HOURS": "9.0",
    }


def test_a_server_knows_the_addresses_it_is_reached_below_the_public_one_first():
    origins = {"url": "https://swap.example.org", "certificate": "/c", "key": "/k"}
    public = SETTINGS.model_copy(update={"origins": Origins.model_validate(origins)})
    env = launch(public).env

    assert env["SWAP_ADDRESSES"] == "https://swap.example.org http://localhost:8000"
    assert env["SWAP_HOME_URL"] == "https://swap.example.org"
    assert told(JUPYTERHUB_HOST="http://h")["JUPYTERHUB_HOST"] == ""


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
    env = launch(site).env

    assert {name: value for name, value in env.items() if name.startswith("PIP_")} == told


def test_nothing_of_our_own_environment_is_inherited(tmp_path):
    os.environ["SWAP_TEST_CONTROL"] = "planted"
    try:
        assert "planted" not in str(launch().env)
    finally:
        del os.environ["SWAP_TEST_CONTROL"]


def test_of_what_the_hub_offers_only_its_own_variables_pass():
    assert told(JUPYTERHUB_USER="u", JPY_API_TOKEN="t", PATH="/evil", HOME="/evil", LD_PRELOAD="/evil") == {
        "JUPYTERHUB_USER": "u",
        "JUPYTERHUB_HOST": "",
        "SWAP_PERSON_NAME": "Ann O'Brien",
        "SWAP_SERVER_CREDENTIAL": "the-credential",
    }


def test_what_a_server_alone_is_told_is_read_by_it_and_no_other_variable_is():
    offered = told(JUPYTERHUB_API_TOKEN="t0k3n", JUPYTERHUB_SINGLEUSER_APP="evil", JUPYTERHUB_ROOT_DIR="/evil")
    program = "import json; from swap.lab import hiding; print(json.dumps(hiding.told()))"
    with telling(offered) as descriptor:
        run = subprocess.run(
            [sys.executable, "-I", "-c", program], stdin=descriptor, capture_output=True, timeout=60, check=True
        )

    assert json.loads(run.stdout) == {
        "SWAP_SERVER_CREDENTIAL": "the-credential",
        "JUPYTERHUB_API_TOKEN": "t0k3n",
        "JUPYTERHUB_HOST": "",
        "SWAP_PERSON_NAME": "Ann O'Brien",
    }


def test_no_key_or_password_of_swaps_own_is_told():
    told = str(launch().env) + str(launch().argv)

    for secret in ("database-password", "api-password", "kernel-key", "portal-key", "service-token", "cookie-secret"):
        assert secret not in told


def test_the_program_is_ours_by_its_own_interpreter_and_starts_in_the_persons_home():
    assert launch().argv == (sys.executable, "-I", "-m", "swap.lab")
    assert launch().cwd == Path("/homes/pabcdefghi")
    assert launch().log == Path("/state/logs/server-pabcdefghi.log")
