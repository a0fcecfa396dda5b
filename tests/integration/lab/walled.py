"""A person's Jupyter server behind real walls, launched as the hub launches it, beside stand-ins for hub and gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from integration.lab.conftest import Server, answers
from integration.lab.stand_ins import Gateway, Hub, serving, wait_for
from swap.launch import server as launches
from swap.launch.rules import rules
from swap.launch.spawn import telling
from town import ANN, Town


@contextmanager
def started(town: Town) -> Iterator[Server]:
    """Run ann's server in a town until the block ends."""
    hub, gateway = Hub(ANN.person_id), Gateway()
    with ExitStack() as stack:
        hub.url = stack.enter_context(serving(hub.handler()))
        gateway.url = stack.enter_context(serving(gateway.handler()))
        # The doors of the walls lead to these two.
        hub_port, gateway_port = (urlsplit(each).port for each in (hub.url, gateway.url))
        assert hub_port
        assert gateway_port
        town.runtime = town.runtime.model_copy(update={"hub_port": hub_port, "gateway_port": gateway_port})
        given = rules(town.settings, town.runtime)
        town.launcher = town.walled()
        home = town.launcher.open_home(ANN)
        port = town.ports[ANN.person_id]
        address = f"http://127.0.0.1:{port}"
        launch = launches.server(given, ANN.person_id, town.launcher.places(ANN.person_id), port)
        told = launches.told(ANN.name, gateway.credential, hub.environment(port, address))
        # In the place of Traefik, which would lead the browser to the hub.
        told["JUPYTERHUB_HOST"] = hub.url
        with telling(told) as descriptor:
            program = town.keep(town.launcher.start(launch, ANN, descriptor), launch)
        server = Server(program.process, f"{address}/user/{ANN.person_id}", hub, gateway, home, home, launch.log)
        wait_for("the server's first answer", lambda: answers(server), seconds=60)
        yield server
