"""Which directory the settings mean; the one place that knows all of them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from swap.errors import Problem, SettingsError
from swap.hub.directories import file
from swap.hub.directories.base import Directory
from swap.settings import Settings


def _ldap(settings: Settings) -> Directory:
    # By name: python-ldap is compiled where it is installed, and only those who ask a directory need it.
    try:
        made: Directory = import_module("swap.hub.directories.ldap.directory").make(settings)
    except ModuleNotFoundError as error:
        why = f"The Python package of {error.name} is not installed."
        raise SettingsError(
            Problem("people.authenticator 'ldap' cannot be used.", why=why, todo="Install it: make ldap")
        ) from error
    return made


DIRECTORIES: dict[str, Callable[[Settings], Directory]] = {
    "file": lambda settings: file.FileDirectory(file.path(settings)),
    "ldap": _ldap,
}


def directory(settings: Settings) -> Directory:
    """Return the directory `people.authenticator` names.  Raises SettingsError when its own settings are missing."""
    return DIRECTORIES[settings.people.authenticator](settings)
