"""The product's configuration with its defences switched off.  Exists only so that the attack tests can be seen to fail."""

# ruff: noqa: ARG005 - what is replaced keeps its arguments

import re
import sys
from dataclasses import replace
from pathlib import Path

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.login import LoginHandler
from jupyterhub.oauth.provider import JupyterHubRequestValidator

from swap import cookies
from swap.hub import clients, config, context, known
from swap.hub.directories import file
from swap.hub.sign_in import SignInHandler
from swap.launch import server
from swap.people import service

here = context.current()
values = config.configure(here.settings, here.runtime)

# H01: forms from other sites are taken.
BaseHandler.check_xsrf_cookie = lambda self: None
# H02: `next` leads anywhere.
BaseHandler._validate_next_url = lambda self, next_url: next_url
SignInHandler.is_own_form = lambda self: True
# H03: any page of a host below ours names cookies for this one.
cookies.named = lambda name, *, tls: name
cookies.received = lambda header, keep=(): header
# H05: tokens in addresses are taken.  H11: so are WebSockets from any origin.
plain = server.server


def weak_server(*about):
    launch = plain(*about)
    env = {**launch.env, "JUPYTERHUB_ALLOW_TOKEN_IN_URL": "1"}
    return replace(launch, argv=(sys.executable, str(Path(__file__).parent / "lab.py")), env=env)


server.server = weak_server
# H06: a person may do much more than enter.
values["JupyterHub"]["load_roles"][0]["scopes"] = [
    "self",
    "admin:users",
    "servers",
    "tokens",
    "admin:groups",
    "shares",
    "list:services",
    "proxy",
    "access:services!service=portal",
]
# H07: tokens live for ever.
values["JupyterHub"]["token_expires_in_max_seconds"] = 0
# H09: nobody asks again who may act, and what was given out before is not taken back.
values["Authenticator"]["auth_refresh_age"] = 0
# H10: PKCE is optional, codes work twice, and may be sent anywhere.
values["JupyterHub"]["oauth_require_pkce"] = False
JupyterHubRequestValidator.invalidate_authorization_code = lambda self, *arguments, **named: None
JupyterHubRequestValidator.validate_redirect_uri = lambda self, *arguments, **named: True
# Sign-in: no browser is known, whoever says where a request comes from is believed, and a browser keeps the session id
# that it brings.
known.unseal = lambda *arguments: ""
clients.address = lambda request, runtime, proxies: str(request.remote_ip)
SignInHandler.set_login_cookie = LoginHandler.set_login_cookie
# A password that changed is not noticed.
service.password_changed = lambda *arguments: False
# H14: people are told apart by what is left of their names, and servers have names.
file.Entry.directory_key = property(lambda self: "file:" + re.sub(r"\W|_", "", self.name))
# The sweeper would give the one person these become the name of the last of them again and again.
file.FileDirectory.look_seconds = 86_400.0
values["JupyterHub"]["allow_named_servers"] = True

for owner, traits in values.items():
    for trait, value in traits.items():
        c[owner][trait] = value  # noqa: F821 - JupyterHub defines c
