"""What the hub's pages need beside JupyterHub's own values: SWAP's icons and styles, and the demo's people."""

from __future__ import annotations

import platform
from importlib.metadata import version

from jinja2 import Environment
from jinja2.ext import Extension
from markupsafe import Markup

from swap import look, plain, restarts
from swap.errors import SettingsError
from swap.hub import context
from swap.hub.directories import file
from swap.hub.directories.file import Entry


class Helpers(Extension):
    """Makes SWAP's template helpers known to JupyterHub's environments, which offer no other place for them."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update(
            look.helpers(),
            demo_people=demo_people,
            machine=platform.node(),
            plain_sheet=Markup(plain.SHEET),  # noqa: S704 — ours
            version=version("swap-analytics"),
            moment_now=context.utc_now,
            to_be_restarted=lambda: restarts.read(context.current().settings.state, context.utc_now()),
        )


def demo_people() -> tuple[Entry, ...]:
    """Return whom the demo's sign-in page offers; nobody when this is no demo, or when the file cannot be read."""
    settings = context.current().settings
    if not settings.site.demo:
        return ()
    try:
        entries = file.read(file.path(settings)).entries
    except SettingsError:
        return ()
    return tuple(entry for entry in entries if entry.demo_password)
