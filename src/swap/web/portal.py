"""What every page has at hand, made once by `app.create`; and what one visit brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment
from sqlalchemy import Engine
from starlette.requests import Request

from swap.identity import Principal, Via
from swap.notebooks.place import Place, Places
from swap.people import service as people
from swap.people.model import PortalSession
from swap.reading.room import Room
from swap.runtime import Runtime
from swap.settings import Address, Settings
from swap.web.clock import Clock
from swap.web.forms import Upload
from swap.web.gateway import Gateway
from swap.web.hub import Hub
from swap.web.starts import Starts

TOKEN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Portal:
    """Settings, runtime and the parts the pages ask."""

    settings: Settings
    runtime: Runtime
    engine: Engine
    hub: Hub
    gateway: Gateway
    starts: Starts
    places: Places
    room: Room
    templates: Environment
    clock: Clock

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which pages show times."""
        return ZoneInfo(self.settings.site.time_zone)

    def is_admin(self, person: Principal) -> bool:
        """Tell whether somebody is in the group of those who run SWAP; where there is none, nobody is."""
        group = self.settings.people.admins
        return group is not None and group in person.groups

    def address(self, request: Request) -> Address:
        """Return the address of SWAP that a request came by."""
        return self.settings.address_of(request.headers.get("host", ""))

    def token(self, session: PortalSession) -> str:
        """Return a token with which the gateway answers for this session, and for no longer than a minute."""
        return people.mint_token(
            self.runtime.portal_key,
            Via.PORTAL,
            session.principal.id,
            session.access,
            now=self.clock.now(),
            seconds=TOKEN_SECONDS,
        ).value

    def workspace(self, person: Principal) -> Place:
        """Return the person's own home directory; there is no way to name another's."""
        return self.places.home(person.id)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: who, with which parameters.  Handlers of signed-in pages find `session` filled."""

    request: Request
    now: datetime
    session: PortalSession | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    upload: Upload | None = None

    @property
    def signed_in(self) -> PortalSession:
        """The session; only for routes that demand one."""
        assert self.session is not None
        return self.session

    @property
    def person(self) -> Principal:
        """The signed-in person; only for routes that demand one."""
        return self.signed_in.principal

    @property
    def params(self) -> dict[str, Any]:
        """The parts of the path the route names."""
        return self.request.path_params

    @property
    def is_part(self) -> bool:
        """Whether a script of ours asks for a part of a page rather than a page."""
        return self.request.headers.get("x-swap-part") == "1"

    def query(self, name: str, limit: int = 200) -> str:
        """Return a parameter of the address, cut to `limit` characters, or nothing."""
        return self.request.query_params.get(name, "")[:limit]
