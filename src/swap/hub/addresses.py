"""What differs in the hub's answers with the address they are asked at: through a tunnel, or publicly under TLS.

JupyterHub knows one address, the tunnel's.  These handlers, the only ones that Traefik lets through, say what they say
to a browser in terms of the address it came by; they take it from the Host header, which Traefik has checked.
"""

from __future__ import annotations

import re
from typing import Any

from jupyterhub.apihandlers.auth import OAuthAuthorizeHandler
from tornado.web import RequestHandler

from swap import cookies
from swap.hub import context
from swap.identity import PERSON_ID
from swap.settings import Address


class ByAddress(RequestHandler):
    """Goes before a handler of JupyterHub's: cookies for this very host, and under TLS with names that prove it."""

    def __init__(self, application: Any, request: Any, **arguments: Any) -> None:
        self.address: Address = context.current().settings.address_of(request.host)
        if self.address.tls:
            request.headers["Cookie"] = cookies.received(request.headers.get("Cookie", ""))
        super().__init__(application, request, **arguments)

    def set_cookie(  # type: ignore[override] # what is no concern of ours is passed on by name
        self, name: str, value: Any, domain: str | None = None, **options: Any
    ) -> None:
        """Set a cookie for this host.  JupyterHub would give the session id to all hosts below it too."""
        del domain
        if self.address.tls:
            name, options = cookies.named(name, tls=True), {**options, "path": "/", "secure": True}
        super().set_cookie(name, value, **options)

    def is_own_form(self) -> bool:
        """Tell whether what is sent comes from a page of this very host, as far as the browser says.

        SameSite says nothing of it: under TLS people's hosts are the same site.
        """
        headers = self.request.headers
        own = f"{self.address.scheme}://{self.request.host}"
        return headers.get("Sec-Fetch-Site", "same-origin") == "same-origin" and headers.get("Origin", own) == own


class AuthorizeHandler(ByAddress, OAuthAuthorizeHandler):  # type: ignore[misc] # JupyterHub has no types
    """The OAuth door: what leads back to a person's server leads to its host below the address they came by."""

    def send_oauth_response(self, headers: dict[str, str], body: Any, status: int) -> None:
        """Send the answer."""
        if "Location" in headers:
            headers = {
                **headers,
                "Location": moved(headers["Location"], context.current().settings.site.address, self.address),
            }
        super().send_oauth_response(headers, body, status)


def moved(location: str, known: Address, address: Address) -> str:
    """Return where a redirect to a person's host below `known` leads below `address`.  What leads elsewhere is left."""
    pattern = re.escape(known.person_url("PERSON")).replace("PERSON", f"({PERSON_ID.pattern})")
    found = re.match(rf"{pattern}(?=/)", location)
    return location if found is None else address.person_url(found[1]) + location[found.end() :]
