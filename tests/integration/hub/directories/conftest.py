"""A real directory, and SWAP's way to ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import services
import slapd
from slapd import Slapd
from swap.hub.directories.ldap.directory import LdapDirectory
from swap.settings import Ldap

Asked = Callable[..., LdapDirectory]
SWAPS = {
    "bind_dn": slapd.ACCOUNT,
    "base": slapd.PEOPLE,
    "groups_base": slapd.GROUPS,
    "allowed_groups": ("analysts",),
}


def password(name: str) -> str:
    return f"what {name} says"


def people(*names: str) -> tuple[str, ...]:
    return tuple(slapd.person(name, password(name), more=("pwdChangedTime: 20260101000000Z",)) for name in names)


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, which certifies itself, and its key."""
    return services.certificate(tmp_path_factory.mktemp("certificate"), "localhost")


@pytest.fixture
def started(certified: tuple[Path, Path]) -> Iterator[Callable[..., Slapd]]:
    """Start servers for one test."""
    running: list[Slapd] = []

    def start(*entries: str, **how: Any) -> Slapd:
        running.append(Slapd(*entries, **({"certificate": certified} | how)))
        return running[-1]

    yield start
    for each in running:
        each.close()


@pytest.fixture
def asked(certified: tuple[Path, Path], tmp_path: Path) -> Asked:
    """Ask servers as SWAP does: addresses or servers, then settings."""
    secret = tmp_path / "account"
    secret.touch(mode=0o600)
    secret.write_text(slapd.ACCOUNT_PASSWORD)

    def ask(*servers: Slapd | str, wanted: tuple[str, ...] = (), **more: Any) -> LdapDirectory:
        addresses = [each if isinstance(each, str) else f"ldap://localhost:{each.port}" for each in servers]
        usual = SWAPS | {"servers": addresses, "ca": certified[0], "bind_password": {"file": secret}}
        return LdapDirectory(Ldap.model_validate(usual | more), wanted)

    return ask
