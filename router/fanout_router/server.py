"""The router as a whole: ports, functions, and the one timer that drives all deadlines."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import replace

from fanout_router.admin import AdminProtocol
from fanout_router.certificate import client_tls, control_tls
from fanout_router.config import FunctionSettings, RouterSettings, control_address
from fanout_router.control import STRANGERS_S, ControlPort, ControlProtocol
from fanout_router.dispatcher import Dispatcher, DispatchLimits
from fanout_router.environment import State
from fanout_router.errors import ConfigError
from fanout_router.fleet import Fleet, FleetOptions
from fanout_router.http import ChoosingProtocol, Front, FrontLimits, Route, RouteTable
from fanout_router.invokers.base import Invoker
from fanout_router.invokers.process import ProcessInvoker
from fanout_router.logs import AccessLog, EmfLog
from fanout_router.metrics import registry
from fanout_router.scaler import QueueScaler, ScalerOptions
from fanout_router.tls_port import TlsPort

_log = logging.getLogger(__name__)
_TICK_S = 0.1
_EMF_EVERY_S = 60.0


class Router:
    """A running router. ``ports`` has the bound client, admin and control ports once it is started.

    With ``admin_socket``, the path of a Unix socket, it is one process of several: it answers there, and shares its
    client port.
    """

    def __init__(self, settings: RouterSettings, admin_socket: str = "") -> None:
        if not settings.functions:
            raise ConfigError("DISPATCH_FUNCTIONS: at least one function is needed")
        self.settings = settings
        self._admin_socket = admin_socket
        self.ports: dict[str, int] = {}
        self.fleets: list[Fleet] = []
        self._invokers: list[Invoker] = []
        self._servers: list[asyncio.Server | TlsPort] = []
        self.tls_ports: dict[str, TlsPort] = {}
        """The ports that speak TLS, by name."""
        self._draining = False
        self._tick_soon = False
        self._timer: asyncio.TimerHandle | None = None
        self._emf_at = time.monotonic() + _EMF_EVERY_S
        dispatchers = {function.name: _dispatcher(function) for function in settings.functions}
        routes = [
            Route(name=f.name, dispatcher=dispatchers[f.name], host=f.host, prefix=f.prefix) for f in settings.functions
        ]
        self.front = Front(RouteTable(routes), time.monotonic, _front_limits(settings), settings.trusted_proxies)
        if settings.access_log:
            self.front.access_log = AccessLog()
        self._client_tls: ssl.SSLContext | None = None
        self._control_tls: ssl.SSLContext | None = None
        self._emf = EmfLog(self, settings.emf_namespace) if settings.emf_namespace else None
        self._dispatchers = dispatchers

    async def start(self) -> None:
        """Bind the ports and begin to serve.

        :raises ConfigError: the certificate cannot be used, or no address is known for the environments.
        :raises OSError: a port is taken.
        """
        settings, loop = self.settings, asyncio.get_running_loop()
        self._control_tls, fingerprint = control_tls(settings)
        self._client_tls = client_tls(settings)
        self.port = ControlPort(self.fleets)
        await self._listen("control", settings.control_host, settings.control_port, self._control_tls,
                           lambda: ControlProtocol(self.port, loop))  # fmt: skip
        address = await loop.run_in_executor(None, control_address, settings, self.ports["control"])
        for function in settings.functions:
            self.fleets.append(self._fleet(function, address, fingerprint))
        metrics = registry(self)
        await self._listen_admin(lambda: AdminProtocol(metrics, self.ready))
        client_scheme = "https" if self._client_tls else "http"
        await self._listen("client", settings.host, settings.port, self._client_tls,
                           lambda: ChoosingProtocol(self.front, client_scheme, loop))  # fmt: skip
        self._tick()

    def ready(self) -> bool:
        """Whether requests are taken: not while draining, nor while no function can serve."""
        return not self._draining and any(fleet.can_serve() for fleet in self.fleets)

    def reload_certificates(self) -> None:
        """Read the certificates anew. Connections go on with the old ones; one that cannot be used changes nothing.

        :raises ConfigError: a certificate or its key cannot be used.
        """
        settings = self.settings
        client_tls(settings), control_tls(settings)  # first see whether all of it can be used
        client_tls(settings, self._client_tls)
        _, fingerprint = control_tls(settings, self._control_tls)
        for fleet in self.fleets:
            fleet.options = replace(fleet.options, fingerprint=fingerprint)

    async def drain(self) -> None:
        """Take no more requests, finish those under way, let the environments go, close; within
        ``drain_s``.
        """
        self._draining = True
        until = time.monotonic() + self.settings.drain_s
        for server in self._servers[2:]:
            server.close()
        self.front.drain()
        while time.monotonic() < until and any(f.dispatcher.busy or f.dispatcher.waiting for f in self.fleets):
            await asyncio.sleep(0.05)
        for fleet in self.fleets:
            fleet.close()
        while time.monotonic() < until and any(fleet.environments for fleet in self.fleets):
            await asyncio.sleep(0.05)
        await self.close()

    async def close(self, patience_s: float = 2.0) -> None:
        """Close everything now; local environments have ``patience_s`` to end."""
        if self._timer is not None:
            self._timer.cancel()
        for protocol in list(self.front.connections):
            protocol.transport.abort()
        for fleet in self.fleets:
            fleet.close()
            fleet.abort()
        for server in self._servers:
            server.close()
        for invoker in self._invokers:
            await invoker.close(patience_s)
        if self.front.access_log is not None:
            self.front.access_log.flush()

    # -- inside --

    async def _listen(
        self,
        name: str,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        make: Callable[[], asyncio.BaseProtocol],
    ) -> None:
        shared = bool(self._admin_socket) and name == "client"
        server: asyncio.Server | TlsPort
        if tls is None:
            loop = asyncio.get_running_loop()
            server = await loop.create_server(make, host, port, backlog=2_048, reuse_port=shared or None)
        else:
            most, timeout_s = self._handshakes(name)
            server = self.tls_ports[name] = TlsPort(make, tls, most=most, timeout_s=timeout_s)
            await server.listen(host, port, reuse_port=shared)
        self._servers.append(server)
        self.ports[name] = server.sockets[0].getsockname()[1]

    def _handshakes(self, name: str) -> tuple[Callable[[], int], float]:
        """How many connections may stand before a port without a word, and how long: as many as there is room for, for
        as long as they may keep silent afterwards.
        """
        if name == "control":
            return lambda: self.port.max_unauthenticated - len(self.port.unauthenticated), STRANGERS_S
        limits, connections = self.front.limits, self.front.connections
        return lambda: limits.connections - len(connections), limits.head_timeout

    async def _listen_admin(self, make: Callable[[], asyncio.BaseProtocol]) -> None:
        if self._admin_socket:
            self._servers.append(await asyncio.get_running_loop().create_unix_server(make, self._admin_socket))
        else:
            await self._listen("admin", self.settings.admin_host, self.settings.admin_port, None, make)

    def _fleet(self, function: FunctionSettings, address: str, fingerprint: str) -> Fleet:
        invoker = _invoker(function)
        self._invokers.append(invoker)
        dispatcher = self._dispatchers[function.name]
        dispatcher.on_waiting = self._wake
        options = FleetOptions(
            address=address,
            fingerprint=fingerprint,
            channels=function.channels,
            function_timeout=function.function_timeout_s,
            drain_margin=function.drain_margin_s,
            open_timeout=function.open_timeout_s,
            invoke_rate=function.invoke_rate,
            invoke_burst=function.invoke_burst,
        )
        scaling = ScalerOptions(
            minimum=function.minimum,
            maximum=function.maximum,
            spare=function.spare,
            target_wait_s=function.target_wait_s,
            utilisation=function.utilisation,
            cooldown_s=function.cooldown_s,
        )
        return Fleet(function.name, dispatcher, QueueScaler(scaling).desired, invoker, time.monotonic, options)

    def _wake(self) -> None:
        """A request waits: look at the fleets before the next tick, once per turn of the loop."""
        if not self._tick_soon:
            self._tick_soon = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self._tick_soon = False
        for fleet in self.fleets:
            if fleet.dispatcher.waiting and not fleet.count(State.SERVING):
                fleet.tick()

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)
        now = time.monotonic()
        self.front.sweep()
        self.port.sweep(now)
        if self.front.access_log is not None:
            self.front.access_log.flush()
        for fleet in self.fleets:
            fleet.dispatcher.sweep()
            fleet.tick()
        if self._emf is not None and now >= self._emf_at:
            self._emf_at = now + _EMF_EVERY_S
            self._emf.write()


def _dispatcher(function: FunctionSettings) -> Dispatcher:
    limits = DispatchLimits(
        queue_length=function.queue_length,
        queue_timeout=function.queue_timeout_s,
        response_timeout=function.response_timeout_s,
        idle_timeout=function.idle_timeout_s,
    )
    return Dispatcher(time.monotonic, limits)


def _front_limits(settings: RouterSettings) -> FrontLimits:
    return FrontLimits(
        connections=settings.client_connections,
        url=settings.max_url_bytes,
        head=settings.max_head_bytes,
        fields=settings.max_fields,
        body=settings.max_body_bytes,
        head_timeout=settings.head_timeout_s,
        body_timeout=settings.body_timeout_s,
        idle_timeout=settings.keep_alive_s,
    )


def _invoker(function: FunctionSettings) -> Invoker:
    if function.app:
        return ProcessInvoker(function.app, cold_start_s=function.cold_start_s, limit=2 * function.maximum)
    from fanout_router.invokers.aws import (
        LambdaInvoker,
    )  # boto3 takes long to import, and local use needs none of it

    return LambdaInvoker(function.lambda_function, qualifier=function.lambda_qualifier, limit=2 * function.maximum)
