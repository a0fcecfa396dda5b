"""The demo's way to sign in is for this machine's own people: it never stands on a door to the street."""

from __future__ import annotations

from ipaddress import ip_address

from swap.errors import Problem, SettingsError
from swap.settings import Settings


def refuse_other_addresses(settings: Settings) -> None:
    """Raise SettingsError if people from a file could sign in over anything but loopback."""
    if settings.people.authenticator != "file" or _is_loopback(settings.site.bind):
        return
    raise SettingsError(
        Problem(
            f'site.bind is {settings.site.bind}, but people.authenticator is "file".',
            why=(
                "The people file is the demo's: its passwords may be known to all, and people's servers run as one OS"
                " user."
            ),
            todo="Set site.bind to 127.0.0.1, and reach it from elsewhere through ssh -L.",
        )
    )


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
