"""A kernel of R behind a person's walls: it starts, and asks the real gateway through the door."""

from __future__ import annotations

import os

import pytest

from integration.client.conftest import ann, shared_gateway, swap_gateway  # noqa: F401 — fixtures
from integration.gateway.gateways import Gateway, Person
from town import ANN, Town

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give people walls")

NOTEBOOK = """
    import asyncio, json, os, threading
    from datetime import UTC, datetime, timedelta
    from pathlib import Path

    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import KernelManager

    from swap import r
    from swap.lab.config import r_kernelspec
    from swap.lab.hiding import told
    from swap.lab.token_socket import TokenSocket
    from swap.lab.tokens import Token

    value = told()["SWAP_SERVER_CREDENTIAL"]

    async def give(pid, claimed):
        now = datetime.now(UTC)
        return Token(value, expires_at=now + timedelta(minutes=5), minted_at=now, renew_at=now)

    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    socket = TokenSocket(Path(os.environ["SWAP_TOKEN_SOCKET"]), give)
    asyncio.run_coroutine_threadsafe(socket.start(), loop).result(10)

    kernels = Path.home() / "kernels"
    (kernels / "r").mkdir(parents=True)
    (kernels / "r" / "kernel.json").write_text(json.dumps(r_kernelspec(r.program())))
    specs = KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False)
    manager = KernelManager(kernel_name="r", kernel_spec_manager=specs, transport="ipc")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    said = []
    client.execute_interactive(
        'cat(sum(swap_sql("SELECT n FROM lake.big.numbers")$n), Sys.info()[["effective_user"]], Sys.getpid() > 0)',
        output_hook=lambda message: said.append(message["content"].get("text")), timeout=60,
    )
    manager.shutdown_kernel(now=True)
    print(json.dumps("".join(each for each in said if each)))
"""


@pytest.fixture
def reached(town: Town, swap_gateway: Gateway) -> Town:  # noqa: F811
    """A town whose gateway is the real one."""
    port = int(swap_gateway.url.rpartition(":")[2])
    town.runtime = town.runtime.model_copy(update={"gateway_port": port})
    town.launcher = town.walled()
    return town


def test_a_query_of_rs_is_answered(reached: Town, swap_gateway: Gateway, ann: Person) -> None:  # noqa: F811
    place = str(reached.launcher.places(ANN.person_id).token_socket)
    program = reached.start(
        ANN,
        NOTEBOOK,
        secrets={"SWAP_SERVER_CREDENTIAL": ann.token(seconds=300)},
        SWAP_TOKEN_SOCKET=place,
        SWAP_GATEWAY=swap_gateway.url,
        LANG="C.UTF-8",
    )
    assert program.told() == "1249975000 ann TRUE"
