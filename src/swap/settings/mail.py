"""How people are told by mail.  Only values: nothing here speaks to a server."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from swap.settings.base import Location, Model, Secret

_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_LOCAL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,62}[A-Za-z0-9])?")


def _of_a_host(name: str) -> str:
    if _HOST.fullmatch(name) is None:
        msg = "it must be the name of a host, for example mail.example.org"
        raise ValueError(msg)
    return name


def _of_mail(address: str) -> str:
    local, _, host = address.partition("@")
    if _LOCAL.fullmatch(local) is None or ".." in local or _HOST.fullmatch(host) is None:
        msg = "it must be an address of mail, for example swap@example.org"
        raise ValueError(msg)
    return address


Host = Annotated[str, AfterValidator(_of_a_host)]
MailAddress = Annotated[str, AfterValidator(_of_mail)]


class Mail(Model):
    """The server that takes the site's mail, over SMTP; always encrypted, its certificate always verified."""

    host: Host = Field(description="Where it answers.")
    port: int = Field(default=587, ge=1, le=65535, description="The port it answers on.")
    tls: Literal["starttls", "implicit"] = Field(
        default="starttls",
        description="How the connection is encrypted: after a command, or from the start, mostly on port 465.",
    )
    ca: Location | None = Field(
        default=None, description="File of the authorities that certify the server; by default the system's."
    )
    user: str | None = Field(
        default=None, min_length=1, description="The account SWAP signs in with; none where the server asks for none."
    )
    password: Secret | None = Field(default=None, description="The account's password.")
    sender: MailAddress = Field(description="The address that mails come from.")
    domain: Host = Field(description="What follows the @ in people's addresses; before it stands their name in SWAP.")
