"""JupyterHub's single-user server with SWAP inside, and nothing read from the person's home.

Our extension *is* the hub's extension, one step further: it cannot be left out without leaving out the
login, and a server without the login does not start.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any

from jupyter_server.serverapp import ServerApp
from jupyterhub.singleuser.extension import JupyterHubSingleUser
from tornado.web import RequestHandler
from traitlets import default
from traitlets.config import Config

from swap.lab import caching, catalog, early, ending, hiding, idle, jobs, meter, origins, own, pages, saved, shared
from swap.lab.access import Access, Listener, State
from swap.lab.askers import kernel_of
from swap.lab.ends import Ends
from swap.lab.environment import SECRETS, Environment
from swap.lab.guard import Logins, Sockets, guard_identity, refuse_when_ended
from swap.lab.handlers import PLOTLY, Gateway, closed_rules, routes
from swap.lab.kernels import ClosedKernelManager
from swap.lab.saving import Saving
from swap.lab.sending import TOKENS, Store
from swap.lab.token_socket import TokenSocket
from swap.lab.tokens import Token, Tokens
from swap.lab.watching import Watching

ASK_SECONDS = 2.0


class ClosedServer(ServerApp):
    """A Jupyter server that reads no configuration file and writes no secret."""

    @property
    def config_file_paths(self) -> list[str]:
        """Nowhere: home, working directory and system have no say."""
        return []

    @default("cookie_secret")
    def _fresh_cookie_secret(self) -> bytes:
        # Never on disk: cookies end with the server, and no kernel can read what signs them.
        return secrets.token_bytes(32)

    def write_server_info_file(self) -> None:
        """Write nothing: the file would hold the hub's token, readable by every kernel."""

    def write_browser_open_files(self) -> None:
        """Write nothing: these files too would hold the token."""

    def stop(self, from_signal: bool = False) -> None:
        """End, in order or without it."""
        ending.at_latest()
        super().stop(from_signal)

    async def cleanup_extensions(self) -> None:
        """End what the extensions hold open."""
        await ending.within(ending.EXTENSIONS_SECONDS, "The extensions", super().cleanup_extensions())

    async def cleanup_kernels(self) -> None:
        """End the kernels, also one that is being started again."""
        await ending.within(ending.KERNELS_SECONDS, "The kernels", super().cleanup_kernels())
        ending.kill_children()

    async def _cleanup(self) -> None:
        # Jupyter stops its loop after this, and only then.
        await ending.within(ending.SERVER_SECONDS, "The server", super()._cleanup())


class Swap:
    """SWAP's part of one running server, joined to it once and stopped with it."""

    def __init__(self, environment: Environment, server: ServerApp) -> None:
        self.environment = environment
        self.server = server
        self.state = State()
        self.tokens = Tokens(environment.gateway, environment.credential)
        self.gateway = Gateway(environment.gateway, self.tokens)
        self.reading = Gateway(
            environment.gateway, Tokens(environment.gateway, environment.credential, path=shared.TOKENS)
        )
        saving_tokens = Tokens(environment.gateway, environment.credential, path=TOKENS)
        self.store = Store(environment.gateway, saving_tokens)
        self.saving = Saving(environment.home, self.store, environment.root)
        self.listener = Listener(environment.gateway, environment.credential, self.hear)
        self.socket = TokenSocket(environment.token_socket, self.give)
        self.sockets = Sockets()
        self.logins = Logins(self.state)
        self.idle = idle.Idle(environment.idle_hours, environment.idle_told_hours)
        self.queries = idle.Queries(environment.gateway, environment.credential)
        own_disk = environment.home if environment.own_disk else None
        self.meter = meter.Meter(environment.group, own_disk, self.pids)
        self.ends = Ends(self.meter.met)
        self.watching: list[asyncio.Task[None]] = []
        self.hub_caches: list[Any] = []

    def join(self) -> None:
        """Put ourselves into the server's web application; called once, before it serves."""
        app = self.server.web_app
        provider: Any = self.server.identity_provider
        self.sockets.watch()
        origins.prove_cookies(self.environment.tls)
        guard_identity(provider, self.state, self.logins)
        self.hub_caches.append(provider.hub_auth.cache)
        page_hook = pages.hook(app.settings.get("page_config_hook"), self.environment)
        app.settings["page_config_hook"] = early.hook(page_hook, self.server)
        base_url = app.settings["base_url"]
        plotly = self.environment.kernel_env / PLOTLY
        caching.keep_nothing(app, base_url)
        ours = [
            *routes(base_url, self.gateway, plotly, self.idle),
            *catalog.routes(base_url, self.gateway),
            *saved.routes(base_url, self.saving),
            *shared.routes(base_url, self.reading, self.store),
            *own.routes(base_url, self.reading, self.saving),
            *meter.routes(base_url, self.meter, self.ends),
        ]
        contents: Any = self.server.contents_manager
        contents.saving = self.saving
        ClosedKernelManager.ends = self.ends
        app.add_handlers(".*$", ours)  # type: ignore[no-untyped-call]
        # Before JupyterLab's own routes; the refusal below comes before these.
        app.default_router.rules[:0] = closed_rules(base_url)
        refuse_when_ended(app, self.state, lambda: self.listener.ask(ASK_SECONDS), self.environment.home_of)
        app.settings["log_function"] = self.answered(app.settings["log_function"])
        app.last_activity = lambda: self.idle.last_activity  # type: ignore[method-assign] # what the hub is told

    def answered(self, log_request: Callable[[RequestHandler], None]) -> Callable[[RequestHandler], None]:
        """Return what is done after each answer: it is seen as a sign of somebody, and logged."""

        def answered(handler: RequestHandler) -> None:
            self.idle.saw(handler)
            log_request(handler)

        return answered

    async def start(self, tell_hub: Callable[[], Awaitable[None]]) -> None:
        """Open the token socket, listen to the gateway, watch the home, and for the time to end."""
        self.saving.begin()
        await self.socket.start()
        self.listener.start()
        self.idle.happened()
        watch = idle.Watch(
            self.idle,
            seen=self.activity,
            works=self.works,
            tell=tell_hub,
            end=lambda: signal.raise_signal(signal.SIGTERM),
            log=self.server.log,
        )
        home = Watching(self.environment.home, self.saving)
        self.watching = [asyncio.create_task(watch.run()), asyncio.create_task(home.run())]

    async def stop(self) -> None:
        """Close everything."""
        for each in self.watching:
            each.cancel()
        await self.queries.close()
        await self.listener.stop()
        await self.saving.close()
        await self.socket.stop()
        for gateway in (self.gateway, self.reading):
            await gateway.tokens.close()
            await gateway.close()

    def hear(self, word: Access) -> None:
        """Do what a word of the gateway demands, at once."""
        change = self.state.hear(word)
        if not change.cut:
            return
        self.tokens.drop()
        self.reading.tokens.drop()
        self.logins.end()
        for cache in self.hub_caches:
            cache.clear()
        count = self.sockets.cut()
        self.server.log.info("Access %s (epoch %d): %d connections cut.", word.access, word.epoch, count)

    async def give(self, pid: int, claimed: str) -> Token:
        """Return a token for the process that asks on the socket."""
        return await self.tokens.for_kernel(kernel_of(pid, claimed, self.kernels()))

    def activity(self) -> Iterator[datetime]:
        """Yield when each kernel and each terminal last said anything."""
        kernels: Any = self.server.kernel_manager
        yield from (kernels.get_kernel(kernel_id).last_activity for kernel_id in kernels.list_kernel_ids())
        yield from (terminal.last_activity for terminal in self.terminals())

    def terminals(self) -> list[Any]:
        """Return what Jupyter knows of the terminals that are there."""
        manager = self.server.web_app.settings.get("terminal_manager")
        return list(manager.terminals.values()) if manager is not None else []

    async def works(self) -> str:
        """Name something that runs: a cell, a program, a query; "" when nothing does."""
        if idle.kernels_run(self.server.kernel_manager):
            return "a cell runs"
        shells = {terminal.ptyproc.pid for terminal in self.terminals()}
        programs = await asyncio.to_thread(
            jobs.running, self.environment.token_socket, frozenset(self.kernels()), shells
        )
        return f"{programs[0]} runs in a terminal" if programs else await self.queries.run()

    def pids(self) -> list[int]:
        """Return the processes that are known here: the server's, its kernels' and its terminals'."""
        return [os.getpid(), *self.kernels(), *(terminal.ptyproc.pid for terminal in self.terminals())]

    def kernels(self) -> dict[int, str]:
        """Return process id → kernel id of the kernels that run."""
        manager: Any = self.server.kernel_manager
        running = {}
        for kernel_id in manager.list_kernel_ids():
            provisioner = manager.get_kernel(kernel_id).provisioner
            pid = getattr(provisioner, "pid", None)
            if pid is not None:
                running[pid] = kernel_id
        return running


class SwapServer(JupyterHubSingleUser):  # type: ignore[misc]
    """The hub's single-user extension, and ours."""

    serverapp_class = ClosedServer
    environment: Environment
    configuration: Config
    swap: Swap | None = None

    @classmethod
    def get_extension_package(cls) -> str:
        """Name the package whose extension point this is."""
        return "swap.lab"

    @classmethod
    def make_serverapp(cls, **kwargs: Any) -> ServerApp:
        """Make the server with our configuration, which no file or argument follows."""
        kwargs.pop("jpserver_extensions", None)
        server: ServerApp = cls.serverapp_class.instance(config=cls.configuration, **kwargs)
        return server

    def initialize(self, args: Any = None) -> None:
        """Join the server, then forget the secrets the environment still holds."""
        super().initialize(args)
        # From here a terminal of no folder, or of a relative one, starts; nothing is configured from a file any more.
        os.chdir(self.environment.root)
        # Both of the hub's objects read their token when first asked: ask before it is gone.
        for auth in (self.hub_auth, self.serverapp.identity_provider.hub_auth):
            assert auth.api_token
        hiding.forget(os.environ, SECRETS)
        self.swap = Swap(self.environment, self.serverapp)
        self.swap.join()
        self.swap.hub_caches.append(self.hub_auth.cache)
        self.serverapp.io_loop.add_callback(self.swap.start, self.notify_activity)

    async def stop_extension(self) -> None:
        """Stop our part, then the hub's."""
        if self.swap is not None:
            await self.swap.stop()
        await super().stop_extension()
