"""docs/reference/hub-settings.md tells the truth about the hub that runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from swap.lab import config as lab
from swap.lab.environment import Environment
from swap.supervisor.services import environment

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "hub-settings.md"
ROW = re.compile(r"^\| `(\w+)\.(\w+)` \| `([^|]*)` \| ([`*])([^|]*)[`*] \| (.+) \|$", re.MULTILINE)

# In the hub's own words: what its configuration file says, else what the class says.
PROGRAM = """
import sys, traitlets
from jupyterhub.app import JupyterHub
app = JupyterHub()
app.load_config_file(sys.argv[1])
classes = {owner.__name__: owner for owner in [*app.classes, *app.proxy_class.__mro__, *app.spawner_class.__mro__] if hasattr(owner, "class_traits")}
for line in sys.stdin.read().split():
    owner, name = line.split(".")
    trait = classes[owner].class_traits()[name]
    default = trait.default() if trait.default_value is traitlets.Undefined else trait.default_value
    set_here = owner in app.config and name in app.config[owner]
    print(line, repr(default), repr(app.config[owner][name]) if set_here else repr(default), set_here, sep="\\t")
"""


def rows():
    return [
        row
        for row in ROW.findall(REFERENCE.read_text(encoding="utf-8"))
        if row[0] not in {"HubOAuth", "ClosedKernelManager"}
    ]


@pytest.fixture(scope="module")
def running(house):
    names = "\n".join(f"{owner}.{name}" for owner, name, *_ in rows())
    config = Path(sys.modules["swap.hub"].__file__).parent / "jupyterhub_config.py"
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(config)],
        input=names,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
        env=environment(house.state / "runtime.json"),
    )
    assert answer.returncode == 0, answer.stderr
    return {fields[0]: fields[1:] for fields in (line.split("\t") for line in answer.stdout.splitlines())}


def meaning(house, text):
    """Return what a value in italics stands for."""
    seconds = house.settings.people.sign_in_days * 86_400
    return {
        "site.url": house.settings.site.url,
        "site.host/hub/": f"{house.settings.site.host}/hub/",
        "127.0.0.1:hub_port": f"http://127.0.0.1:{house.runtime.hub_port}",
        "database": house.runtime.database_urls["hub"],
        "people.sign_in_days": house.settings.people.sign_in_days,
        "people.sign_in_days in seconds": seconds,
    }[text]


def test_every_row_is_what_the_running_hub_has(house, running):
    for owner, name, default, kind, ours, _ in rows():
        found_default, found, set_here = running[f"{owner}.{name}"]
        assert found_default == default, name
        assert found == (repr(meaning(house, ours)) if kind == "*" else ours), name
        if ours != default or kind == "*":
            assert set_here == "True", f"{name} is not set"


def test_every_default_the_security_cases_name_is_in_the_table():
    named = {name for _, name, *_ in ROW.findall(REFERENCE.read_text(encoding="utf-8"))}

    assert named >= {
        "subdomain_host",
        "cookie_host_prefix_enabled",
        "oauth_require_pkce",
        "internal_ssl",
        "disable_user_config",
        "cookie_max_age_days",
        "token_expires_in_max_seconds",
        "cleanup_servers",
        "mem_limit",
        "cpu_limit",
        "db_url",
        "cache_max_age",
        "auth_refresh_age",
        "transport",
    }


def test_every_row_gives_a_reason():
    assert all(len(reason) > 8 for *_, reason in ROW.findall(REFERENCE.read_text(encoding="utf-8")))
    # No row is lost because it is written in another way.
    assert len(ROW.findall(REFERENCE.read_text(encoding="utf-8"))) == REFERENCE.read_text(encoding="utf-8").count(
        "\n| `"
    )


def test_the_servers_own_rows_are_what_a_server_is_started_with(house):
    here = Environment(
        gateway="http://g",
        home_url="http://h",
        person_name="ann",
        credential="c",
        token_socket=Path("/s/a.sock"),
        kernel_env=Path("/k"),
        home=Path("/home"),
        root=Path("/home"),
        language="C.UTF-8",
        time_zone=None,
    )
    built = lab.build(
        here,
        private=house.runtime.socket_directory / "pabcdefghi.d",
        prefix=Path(sys.prefix),
        lab_page="",
        root_user=False,
    )
    table = {
        f"{owner}.{name}": ours for owner, name, _, _, ours, _ in ROW.findall(REFERENCE.read_text(encoding="utf-8"))
    }

    assert repr(built["HubOAuth"]["cache_max_age"]) == table["HubOAuth.cache_max_age"]
    assert repr(built["ClosedKernelManager"]["transport"]) == table["ClosedKernelManager.transport"]
