"""The hub's routes to people's servers.  A page that a server owes and cannot give is SWAP's own, in words."""

from __future__ import annotations

from typing import Any

from jupyterhub_traefik_proxy.fileprovider import TraefikFileProviderProxy

from swap.hub import routes

PAGE = "_page"
"""What the name of a router for pages ends in."""


class ServerRoutes(TraefikFileProviderProxy):  # type: ignore[misc] # it has no types
    """Beside each route to a server, one for pages that browsers ask for.

    What programs ask for is answered as it is.
    """

    def _dynamic_config_for_route(
        self, routespec: str, target: str, data: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        config, kept = super()._dynamic_config_for_route(routespec, target, data)
        routers = config["http"]["routers"]
        for name, router in list(routers.items()):
            routers[name + PAGE] = {
                **router,
                "rule": f"{router['rule']} && {routes.IS_PAGE}",
                "middlewares": [routes.SERVER_GONE],
            }
        return config, kept

    def _keys_for_route(self, routespec: str) -> tuple[tuple[list[str], ...], tuple[list[str], ...]]:
        in_traefik, kept = super()._keys_for_route(routespec)
        pages = tuple([*parents, name + PAGE] for *parents, name in in_traefik if parents[-1] == "routers")
        return (*in_traefik, *pages), kept
