"""Settings and a runtime for unit tests; nothing of it exists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swap.runtime import Runtime
from swap.settings import Settings


@pytest.fixture
def make_settings() -> Callable[..., Settings]:
    """Return a function of `origins` and of fields of `site`."""

    def make(origins: dict[str, Any] | None = None, **site: Any) -> Settings:
        document = {"state": "/state", "site": site, "origins": origins or {}, "people": {"file": "/people.toml"}}
        return Settings.model_validate(document)

    return make


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(
        config=Path("/swap.toml"),
        database_urls={role: f"postgresql://{role}:db-{role}@h/d" for role in ("owner", "hub", "web", "gateway")},
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
        hub_cookie_secret="00" * 32,
        kernel_env=Path("/kernel"),
        homes=Path("/homes"),
        spool=Path("/spool"),
    )
