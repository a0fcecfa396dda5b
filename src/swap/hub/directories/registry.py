"""Which directory the settings mean; the one place that knows all of them."""

from __future__ import annotations

from swap.hub.directories import file
from swap.hub.directories.base import Directory
from swap.settings import Settings

DIRECTORIES = {"file": lambda settings: file.FileDirectory(file.path(settings))}


def directory(settings: Settings) -> Directory:
    """Return the directory `people.authenticator` names.  Raises SettingsError when its own settings are missing."""
    return DIRECTORIES[settings.people.authenticator](settings)
