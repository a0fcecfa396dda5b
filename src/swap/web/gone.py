"""The page in the place of a server that does not answer.  Traefik shows it on a person's own origin.

It is whole in itself and the same for everybody: no script, no form, no cookie, nothing of who asks.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from jinja2 import Environment
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from swap import look
from swap.identity import PERSON_ID
from swap.settings import Address

PATH = "/server-gone"
AGAIN_SECONDS = 5
"""After which the page is asked for again; by then the hub has taken the route of a dead server away."""


class Gone:
    """The page, made once for each address."""

    def __init__(self, templates: Environment, addresses: Sequence[Address]) -> None:
        """Write the page; the sheet is in it, and the policy allows that sheet and nothing else."""
        sheet = (look.STATIC.parent / look.asset("swap.css").removeprefix("/")).read_text(encoding="utf-8")
        # The sheet is our own build; only its own end could end the element.
        assert "</style" not in sheet
        template = templates.get_template("server_gone.html")
        self._pages = {
            address.host: template.render(
                home=f"{address.url}/",
                sheet=Markup(sheet),  # noqa: S704 — built by us
                seconds=AGAIN_SECONDS,
            )
            for address in addresses
        }
        digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode("ascii")
        self.policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none';"
            " frame-ancestors 'none'"
        )

    def answer(self, host: str, path: str) -> Response | None:
        """Return the page where Traefik asks for it: on the host of a person."""
        label, _, site = host.partition(".")
        if path != PATH or site not in self._pages or not PERSON_ID.fullmatch(label):
            return None
        return HTMLResponse(self._pages[site], headers={"Content-Security-Policy": self.policy})
