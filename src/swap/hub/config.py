"""Turn settings into JupyterHub's configuration.  Only sets values; opens nothing.

Every default of JupyterHub that matters for security is named here or in docs/reference/hub-settings.md
with the reason why it stays; a test compares that table with a running hub.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from swap import logs, look
from swap.hub import routes
from swap.launch.start import MOST_TURN_SECONDS, SPARE_SECONDS
from swap.runtime import Runtime
from swap.settings import Settings

PORTAL_SCOPES = ("read:users:name", "servers")
"""What the portal may do at the hub: read, start and stop people's servers.  No tokens, no users, no shares."""

USER_SCOPES = (
    "access:services!service=portal",
    "access:servers!user",
    "users:activity!user",
    "read:users:name!user",
    "read:users:groups!user",
)
"""What a person may do at the hub: enter the portal and the own server.  No tokens of their own making, no start,
no sharing: `self` is not among them.  The activity is what their server may report."""

REFRESH_SECONDS = 2
ACTIVITY_SECONDS = 300


def configure(settings: Settings, runtime: Runtime) -> dict[str, dict[str, Any]]:
    """Return class → trait → value."""
    return {
        "JupyterHub": _hub(settings, runtime) | _access(settings, runtime) | _pages(settings),
        "Authenticator": _authenticator(),
        "Spawner": _spawner(settings),
        "Proxy": {"should_start": False},
        "TraefikProxy": {
            "traefik_api_url": f"http://127.0.0.1:{runtime.traefik_api_port}",
            "traefik_api_username": routes.API_USER,
            "traefik_api_password": runtime.traefik_api_password,
            "traefik_entrypoint": routes.WEB,
            "traefik_api_entrypoint": routes.API,
            # The way to its own API is in our file; the hub adds nothing but routes to servers.
            "enable_setup_dynamic_config": False,
        },
        "TraefikFileProviderProxy": {"dynamic_config_file": str(runtime.traefik_directory / routes.HUB_FILE)},
    }


def _hub(settings: Settings, runtime: Runtime) -> dict[str, Any]:
    return {
        "bind_url": f"http://{settings.site.bind}:{settings.site.port}",
        # The public address is none of JupyterHub's: what differs there is in addresses.py, proxy.py and routes.py.
        "subdomain_host": settings.site.url,
        "hub_bind_url": f"http://127.0.0.1:{runtime.hub_port}",
        "hub_routespec": f"{settings.site.host}/hub/",
        "default_url": "/",
        "redirect_to_server": False,
        "db_url": runtime.database_urls["hub"],
        "db_kwargs": {"hide_parameters": True},
        "upgrade_db": True,
        "proxy_class": "swap.hub.proxy.ServerRoutes",
        # A hub that dies or is restarted takes no notebook with it.
        "cleanup_servers": False,
        "cleanup_proxy": False,
        "last_activity_interval": ACTIVITY_SECONDS,
        "log_format": "%(asctime)s %(levelname)s %(message)s",
        "log_datefmt": "%Y-%m-%dT%H:%M:%S",
    }


def _access(settings: Settings, runtime: Runtime) -> dict[str, Any]:
    seconds = settings.people.sign_in_days * 86_400
    return {
        "authenticator_class": "swap.hub.authenticator.DirectoryAuthenticator",
        "spawner_class": "swap.hub.spawner.LocalSpawner",
        "admin_access": False,
        "admin_users": set(),
        "allow_named_servers": False,
        "authenticate_prometheus": True,
        "cookie_secret": bytes.fromhex(runtime.hub_cookie_secret),
        "cookie_max_age_days": settings.people.sign_in_days,
        "oauth_token_expires_in": seconds,
        "token_expires_in_max_seconds": seconds,
        "oauth_require_pkce": True,
        # __Host- cookies need TLS, and JupyterHub has one setting for both addresses: cookies.py names them under TLS.
        "cookie_host_prefix_enabled": False,
        "internal_ssl": False,
        "shutdown_on_logout": False,
        "trusted_downstream_ips": [],
        "load_roles": [
            {"name": "user", "description": "Enter the portal and the own server", "scopes": list(USER_SCOPES)},
            {
                "name": "portal",
                "description": "Start and stop people's servers",
                "scopes": list(PORTAL_SCOPES),
                "services": ["portal"],
            },
        ],
        "services": [
            {
                "name": "portal",
                "api_token": runtime.web_service_token,
                "oauth_client_id": "service-portal",
                # A path, so that signing in works whatever the local port of a tunnel.
                "oauth_redirect_uri": "/oauth_callback",
                "oauth_no_confirm": True,
                "display": False,
            }
        ],
    }


def _pages(settings: Settings) -> dict[str, Any]:
    return {
        "template_paths": [str(Path(__file__).parent / "templates"), str(look.TEMPLATES)],
        "jinja_environment_options": {
            "trim_blocks": True,
            "lstrip_blocks": True,
            "extensions": ["swap.hub.pages.Helpers"],
        },
        "template_vars": {
            "site_name": settings.site.name,
            "site_demo": settings.site.demo,
            "site_port": settings.site.public_port or settings.site.port,
            "directory": _directory(settings),
        },
        "tornado_settings": {
            "log_function": logs.log_request,
            "cookie_options": {"SameSite": "Lax"},
            "xsrf_cookie_kwargs": {"SameSite": "Lax"},
            # Asking for a server answers at once; the portal follows its steps.
            "slow_spawn_timeout": 0,
            "headers": _headers(settings),
        },
    }


def _directory(settings: Settings) -> dict[str, Any] | None:
    """Return what the sign-in page says of the organisation's directory."""
    ldap = settings.people.ldap
    if ldap is None:
        return None
    return {
        "groups": list(ldap.allowed_groups),
        "name_hint": ldap.name_hint,
        "access_page": ldap.access_page,
        "password_page": ldap.password_page,
    }


def _headers(settings: Settings) -> dict[str, str]:
    # The sign-in form's answer may lead on to a person's own host; browsers ask form-action about that too.
    people = " ".join(address.person_url("*") for address in settings.addresses)
    return {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
            f" connect-src 'self'; form-action 'self' {people}; base-uri 'none'; frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def _authenticator() -> dict[str, Any]:
    return {
        # The directory is the list: whoever is in it may come, and nobody else.
        "allow_all": True,
        "allow_existing_users": False,
        "admin_users": set(),
        "auto_login": False,
        "enable_auth_state": False,
        "auth_refresh_age": REFRESH_SECONDS,
        "auth_refresh_strict": True,
        "refresh_pre_spawn": True,
    }


def _spawner(settings: Settings) -> dict[str, Any]:
    return {
        "disable_user_config": True,
        "env_keep": [],
        "environment": {},
        # Our own limits say why; this one ends what they did not.
        "start_timeout": int(MOST_TURN_SECONDS + settings.launch.start_seconds) + 2 * SPARE_SECONDS,
        "http_timeout": SPARE_SECONDS,
        "poll_interval": 5,
        # A person whose server fails again and again must not stop the hub for all.
        "consecutive_failure_limit": 0,
        "default_url": "/lab",
    }
