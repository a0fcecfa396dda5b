"""The demo's way to sign in is for this machine's own people: it never stands on a door to the street."""

from __future__ import annotations

from swap.errors import Problem, SettingsError
from swap.settings import Settings
from swap.settings.base import is_loopback


def refuse_other_addresses(settings: Settings) -> None:
    """Raise SettingsError if people from a file could sign in over anything but loopback."""
    doors = {"site.bind": settings.site.bind}
    if settings.origins.url is not None:
        doors["origins.bind"] = settings.origins.bind
    if settings.people.authenticator != "file":
        return
    for name, address in doors.items():
        if not is_loopback(address):
            raise SettingsError(
                Problem(
                    f'{name} is {address}, but people.authenticator is "file".',
                    why=(
                        "The people file is the demo's: its passwords may be known to all, and people's servers run as"
                        " one OS user."
                    ),
                    todo=f"Set {name} to 127.0.0.1, and reach it from elsewhere through ssh -L.",
                )
            )
