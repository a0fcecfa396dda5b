"""Where browsers find SWAP: through a tunnel, and under a public name with TLS, that SWAP or a proxy before it ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from swap.certificates import Pair
from swap.settings.base import Location, Model

PROBE = "probe--x"
"""A name below the portal's that can be nobody's id: its pages ask for it to see whether browsers find such names."""
CONTENT = "content"
"""A name below the portal's that can be nobody's id: where notebooks are shown to those who read them."""
_PORTS = {"http": 80, "https": 443}
_NAME = r"(?=.{1,200}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"


@dataclass(frozen=True, slots=True)
class Address:
    """One address of the portal.  Below its host, each person has a host of their own."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    apart: str = ""
    """The host on which notebooks are shown, where it is not below the portal's."""

    @property
    def tls(self) -> bool:
        """Whether browsers speak TLS there."""
        return self.scheme == "https"

    @property
    def url(self) -> str:
        """The portal's address without a trailing slash."""
        return self._url(self.host)

    def person_url(self, person_id: str) -> str:
        """Return the origin of one person's Jupyter server, without a trailing slash."""
        return self._url(f"{person_id}.{self.host}")

    @property
    def probe_url(self) -> str:
        """What the portal's pages ask for, to see whether browsers find people's hosts."""
        return f"{self.person_url(PROBE)}/ping"

    @property
    def content_host(self) -> str:
        """The host on which notebooks are shown, and nothing else is."""
        return self.apart or f"{CONTENT}.{self.host}"

    @property
    def content_url(self) -> str:
        """The origin on which notebooks are shown, without a trailing slash."""
        return self._url(self.content_host)

    def holds(self, host: str) -> bool:
        """Tell whether a Host header names the portal here, or what belongs to it; its port does not matter."""
        name = host.lower().partition(":")[0]
        return name in {self.host, self.content_host} or name.endswith(f".{self.host}")

    def _url(self, host: str) -> str:
        # As browsers write it: without the port that the scheme means anyway.
        return f"{self.scheme}://{host}{'' if self.port == _PORTS[self.scheme] else f':{self.port}'}"


def _public(url: str) -> str:
    found = re.fullmatch(rf"https://(?P<host>{_NAME})(:(?P<port>[0-9]{{1,5}}))?/?", url)
    if found is None or found["host"].endswith(".localhost"):
        msg = "it must be https:// and a name in lower case, for example https://swap.example.org"
        raise ValueError(msg)
    port = found["port"]
    if port is not None and not 0 < int(port) < 2**16:
        msg = "its port must be between 1 and 65535"
        raise ValueError(msg)
    return url.rstrip("/")


def _host(name: str) -> str:
    if re.fullmatch(_NAME, name) is None or name.endswith(".localhost"):
        msg = "it must be a name in lower case, for example swap-content.example"
        raise ValueError(msg)
    return name


def _network(address: str) -> str:
    try:
        found = ip_network(address)
    except ValueError:
        msg = "it must be an address or a network, for example 192.0.2.7 or 192.0.2.0/28"
        raise ValueError(msg) from None
    if not found.prefixlen:
        msg = "it must not be everybody: whoever it names is believed about who comes"
        raise ValueError(msg)
    return str(found)


class Origins(Model):
    """A public address under TLS, beside the one of `site` that people reach through an SSH tunnel."""

    url: Annotated[str, AfterValidator(_public)] | None = Field(
        default=None,
        description="The portal's public address, such as https://swap.example.org; each person's server is"
        " https://<id>.swap.example.org. There is none when absent.",
    )
    certificate: Location | None = Field(
        default=None,
        description="PEM file of the certificate and those that sign it, for the name in `url` and for *.<name>. A"
        " changed file counts within seconds, without a restart.",
    )
    key: Location | None = Field(default=None, description="PEM file of the certificate's key, mode 0600.")
    proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        default=(),
        description="Addresses and networks of proxies of the site's own that speak TLS in SWAP's place. They alone are"
        " answered on `port`, and believed about whom they speak for; there is no certificate then.",
    )
    content_host: Annotated[str, AfterValidator(_host)] | None = Field(
        default=None,
        description="The host on which notebooks are shown to those who read them, such as swap-content.example: a name"
        " of another domain than the one in `url`, also in the certificate. content.<name in url> when absent.",
    )
    bind: str = Field(default="0.0.0.0", description="The address SWAP listens on for `url`.")  # noqa: S104 - asked for
    port: int | None = Field(
        default=None, ge=1, le=65535, description="The port SWAP listens on for `url`; by default the one in it."
    )
    http_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="The port on which plain HTTP is led to `url`, 80 for most; nothing listens there when absent.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.url is None:
            if self.model_fields_set:
                msg = "url is missing: the public address that the others are for"
                raise ValueError(msg)
        elif self.content_host is not None and self._is_beside(self.content_host):
            msg = f"content_host is {self.content_host}: it must be a name of another domain than the one in url"
            raise ValueError(msg)
        elif self.proxies:
            self._behind_proxies()
        elif self.certificate is None or self.key is None:
            msg = (
                f"{'certificate' if self.certificate is None else 'key'} is missing: SWAP needs both to speak TLS, or"
                " proxies that speak it"
            )
            raise ValueError(msg)
        return self

    def _is_beside(self, name: str) -> bool:
        """Tell whether a cookie could be for a name and for the portal's: browsers take both for one site."""
        assert self.url is not None
        host = str(urlsplit(self.url).hostname)
        above = host.partition(".")[2]
        site = above if "." in above else host
        return name == site or name.endswith(f".{site}")

    def _behind_proxies(self) -> None:
        """Raise ValueError for what is nothing to a SWAP behind proxies, and for what it cannot do without."""
        for name in ("certificate", "key", "http_port"):
            if getattr(self, name) is not None:
                msg = f"proxies and {name} are both set: either the proxies speak TLS or SWAP does. Remove one of them"
                raise ValueError(msg)
        if self.port is None:
            msg = "port is missing: the port on which the proxies reach SWAP, without TLS"
            raise ValueError(msg)

    @property
    def address(self) -> Address | None:
        """The public address, or None."""
        if self.url is None:
            return None
        split = urlsplit(self.url)
        return Address("https", str(split.hostname), split.port or _PORTS["https"], self.content_host or "")

    @property
    def pair(self) -> Pair | None:
        """The certificate's files, or None where SWAP speaks no TLS itself."""
        return None if self.certificate is None or self.key is None else Pair(self.certificate, self.key)

    def judge_certificate(self) -> None:
        """Raise SettingsError where SWAP speaks TLS itself and its certificate's files are no good for it."""
        if self.address is not None and self.pair is not None:
            self.pair.ends_at(self.address.host, self.content_host)

    @property
    def listens(self) -> int:
        """The port SWAP listens on for the public address.  Only where there is one."""
        assert self.address is not None
        return self.port or self.address.port
