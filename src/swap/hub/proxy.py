"""The hub's routes to people's servers.  A page that a server owes and cannot give is SWAP's own, in words."""

from __future__ import annotations

from typing import Any

from jupyterhub_traefik_proxy.fileprovider import TraefikFileProviderProxy
from jupyterhub_traefik_proxy.traefik_utils import generate_rule

from swap.hub import context, routes

PAGE = "_page"
"""What the name of a router for pages ends in."""
PUBLIC = "_public"
"""What the name of a router of the public address has behind it."""


class ServerRoutes(TraefikFileProviderProxy):  # type: ignore[misc] # it has no types
    """Each server's route, at every address of SWAP; beside each, one for pages that browsers ask for.

    What programs ask for is answered as it is.
    """

    def _dynamic_config_for_route(
        self, routespec: str, target: str, data: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        config, kept = super()._dynamic_config_for_route(routespec, target, data)
        routers = config["http"]["routers"]
        for name, router in list(routers.items()):
            routers.update(beside(name, router))
        return config, kept

    def _keys_for_route(self, routespec: str) -> tuple[tuple[list[str], ...], tuple[list[str], ...]]:
        in_traefik, kept = super()._keys_for_route(routespec)
        rule = generate_rule(routespec)
        more = tuple(
            [*parents, each]
            for *parents, name in in_traefik
            if parents[-1] == "routers"
            for each in beside(name, {"rule": rule})
        )
        return (*in_traefik, *more), kept


def beside(name: str, router: dict[str, Any]) -> dict[str, Any]:
    """Return what goes with a router of the hub's: the same for pages, and of a person's host both publicly."""
    made = {name + PAGE: _for_pages(router)}
    settings = context.current().settings
    local, public = settings.site.address, settings.origins.address
    rule = router["rule"].replace(f".{local.host}`)", f".{public.host}`)") if public is not None else router["rule"]
    # The hub's own route is of no person's host: there is none of it at the public address.
    if rule != router["rule"]:
        moved = {**router, "rule": rule, "entryPoints": [routes.PUBLIC]}
        made |= {name + PUBLIC: moved, name + PUBLIC + PAGE: _for_pages(moved)}
    return made


def _for_pages(router: dict[str, Any]) -> dict[str, Any]:
    return {**router, "rule": f"{router['rule']} && {routes.IS_PAGE}", "middlewares": [routes.SERVER_GONE]}
