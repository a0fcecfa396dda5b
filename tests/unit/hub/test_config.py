from __future__ import annotations

import ast
import inspect

from swap.hub import config, routes


def test_the_same_settings_give_the_same_configuration(make_settings, runtime):
    assert config.configure(make_settings(), runtime) == config.configure(make_settings(), runtime)


def test_the_portal_can_start_and_stop_servers_and_nothing_else(make_settings, runtime):
    hub = config.configure(make_settings(), runtime)["JupyterHub"]

    roles = {role["name"]: role for role in hub["load_roles"]}
    assert set(roles["portal"]["scopes"]) == {"read:users:name", "servers"}
    assert roles["portal"]["services"] == ["portal"]
    assert "url" not in hub["services"][0]


def test_a_person_holds_no_scope_that_is_not_limited_to_themselves_or_the_portal():
    assert all(scope.endswith(("!user", "!service=portal")) for scope in config.USER_SCOPES)
    assert "self" not in config.USER_SCOPES
    assert not [
        scope for scope in config.USER_SCOPES if "token" in scope or "share" in scope or scope.startswith("servers")
    ]


def test_configuring_opens_nothing():
    # The module imports no way to open a file, a socket or a database.
    imported = {
        name.name.split(".")[0]
        for node in ast.walk(ast.parse(inspect.getsource(config)))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert not imported & {"os", "socket", "subprocess", "sqlalchemy", "open", "httpx", "tomllib"}


def test_everything_of_ours_listens_on_loopback(make_settings, runtime):
    traefik = routes.traefik(make_settings(), runtime)
    hub = config.configure(make_settings(), runtime)["JupyterHub"]

    assert {point["address"].rpartition(":")[0] for point in traefik["static"]["entryPoints"].values()} == {"127.0.0.1"}
    assert hub["hub_bind_url"].startswith("http://127.0.0.1:")
