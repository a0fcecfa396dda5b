"""Who may try to sign in now: a stranger within a name's budget and an address's, a known browser within its own.

Strangers cannot hold up a browser in which the person signed in before: nothing they do is counted there.  An address
may be shared by all (through SSH tunnels everybody comes from this machine), so its budget is larger than a name's.
"""

from __future__ import annotations

from dataclasses import dataclass

from swap import settings
from swap.hub.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Try:
    """Somebody who wants in: the name in its canonical form, the address, and the known browser's id or ""."""

    name: str
    client: str
    browser: str = ""


class Tries:
    """The wrong tries of the last minutes."""

    def __init__(self, allowed: settings.Tries, capacity: int = 10_000) -> None:
        seconds = allowed.minutes * 60.0
        self._names = Throttle(allowed.per_name, seconds, capacity)
        self._clients = Throttle(allowed.per_address, seconds, capacity)
        self._browsers = Throttle(allowed.per_name, seconds, capacity)

    def admit(self, one: Try, now: float) -> float:
        """Count a try and return 0, or return the seconds to wait; a try that has to wait is not counted."""
        if one.browser:
            return self._browsers.admit(one.browser, now)
        wait = self._names.admit(one.name, now)
        if wait:
            return wait
        wait = self._clients.admit(one.client, now)
        if wait:
            self._names.forgive(one.name)
        return wait

    def was_right(self, one: Try) -> None:
        """Forget the wrong tries before it; but one person's right try does not excuse what else comes from there."""
        if one.browser:
            self._browsers.succeeded(one.browser)
        else:
            self._names.succeeded(one.name)
            self._clients.forgive(one.client)

    def was_neither(self, one: Try) -> None:
        """Take a try back: nobody looked at the password."""
        if one.browser:
            self._browsers.forgive(one.browser)
        else:
            self._names.forgive(one.name)
            self._clients.forgive(one.client)

    def is_last(self, one: Try, now: float) -> bool:
        """Tell whether the next one will have to wait."""
        if one.browser:
            return self._browsers.is_last(one.browser, now)
        return self._names.is_last(one.name, now) or self._clients.is_last(one.client, now)

    def __len__(self) -> int:
        return max(len(self._names), len(self._clients), len(self._browsers))
