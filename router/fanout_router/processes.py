"""Several router processes on one machine, when one core is not enough: each is a whole router with environments of its
own, and the kernel spreads client connections over them (SO_REUSEPORT).

What is one for all: the client port, the admin port, the numbers behind it. What is split: every bound of a fleet
(environments, invocations, queue, connections), so that n processes are as much as one with the same settings. Each has
a control port of its own, since an environment must call back the very process that invoked it.
"""

import asyncio
import contextlib
import logging
import math
import multiprocessing
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from fanout_router.config import FunctionSettings, RouterSettings
from fanout_router.errors import ConfigError, UnloadableError
from fanout_router.invokers.base import UNLOADABLE

__all__ = ["Supervisor", "share_of"]

_log = logging.getLogger(__name__)
_RESTART_S = 1.0
"""Between the end of a process and the start of the next in its place."""
_LOOK_EVERY_S = 0.1
_ANSWER_S = 5.0
"""For a process to tell its numbers."""


def share_of(settings: RouterSettings, index: int) -> RouterSettings:
    """The settings of process ``index``: its share of every bound, and a control port of its own."""
    count = settings.processes
    address = settings.control_address
    changed = {
        "control_port": settings.control_port + index if settings.control_port else 0,
        "control_address": _moved(address, index) if address else "",
        "client_connections": _part(settings.client_connections, count, index),
        "functions": [_share_of_function(function, count, index) for function in settings.functions],
    }
    return settings.model_copy(update=changed)


def _share_of_function(function: FunctionSettings, count: int, index: int) -> FunctionSettings:
    wholes = {name: _part(getattr(function, name), count, index) for name in ("minimum", "maximum", "spare")}
    bounds = {name: math.ceil(getattr(function, name) / count) for name in ("queue_length", "invoke_burst")}
    return function.model_copy(update={**wholes, **bounds, "invoke_rate": function.invoke_rate / count})


def _part(whole: int, count: int, index: int) -> int:
    """The share of one of ``count``; what cannot be split evenly goes to the first ones."""
    return whole // count + (index < whole % count)


def _moved(address: str, index: int) -> str:
    base, _, port = address.rpartition(":")
    return f"{base}:{int(port) + index}"


def reserve_port(settings: RouterSettings) -> tuple[RouterSettings, socket.socket]:
    """The settings with the client port that all processes bind, and a socket that keeps it ours.

    :raises OSError: the port is taken by a program that does not share it.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    kept = socket.socket(family, socket.SOCK_STREAM)
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept.bind((settings.host, settings.port))  # never listens, so that the kernel gives it no connection
    return settings.model_copy(update={"port": kept.getsockname()[1]}), kept


class SharedMetrics(Collector):
    """The numbers of all processes, each with the label ``process``."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}

    def told(self, texts: dict[int, str]) -> None:
        """Take what each process tells of itself."""
        self._texts = texts

    def collect(self) -> Iterator[Metric]:
        """The same metrics as those of one process."""
        families: dict[str, Metric] = {}
        for index, text in sorted(self._texts.items()):
            for told in text_string_to_metric_families(text):
                family = families.setdefault(told.name, Metric(told.name, told.documentation, told.type))
                for sample in told.samples:
                    family.add_sample(sample.name, {**sample.labels, "process": str(index)}, sample.value)
        yield from families.values()


@dataclass
class _Worker:
    """One process in its place."""

    index: int
    process: BaseProcess
    was_up: bool = False
    restart_at: float = math.inf


@dataclass
class Supervisor:
    """Starts the processes, starts one anew that has died, and answers on the admin port for all of them.

    ``target`` is run in each process with its settings and the path of the Unix socket on which it answers; beside that
    it makes a file ``.up`` when it serves.
    """

    settings: RouterSettings
    target: Callable[[RouterSettings, str], object]
    workers: list[_Worker] = field(default_factory=list)
    metrics: SharedMetrics = field(default_factory=SharedMetrics)
    stopping: bool = False

    def __post_init__(self) -> None:
        self._ready = False
        self._context = multiprocessing.get_context("spawn")
        self._folder = tempfile.TemporaryDirectory(prefix="fanout-router-")
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self.metrics)

    def start(self) -> None:
        """Start every process.

        :raises OSError: the client port is taken.
        """
        self.settings, self._kept = reserve_port(self.settings)
        self.workers = [_Worker(index, self._spawn(index)) for index in range(self.settings.processes)]

    def _spawn(self, index: int) -> BaseProcess:
        for path in (self._socket(index), self._up(index)):
            path.unlink(missing_ok=True)
        arguments = (share_of(self.settings, index), str(self._socket(index)))
        process = self._context.Process(target=self.target, args=arguments, name=f"fanout-router-{index}")
        process.start()
        return process

    def _socket(self, index: int) -> Path:
        return Path(self._folder.name) / f"{index}.sock"

    def _up(self, index: int) -> Path:
        return self._socket(index).with_suffix(".up")

    async def serve(self, stop: asyncio.Event, up: Callable[[], object]) -> None:
        """Watch the processes until ``stop``, then let them drain; ``up`` is called once when all are up.

        :raises ConfigError: a process ended before it was up.
        :raises UnloadableError: a process has found that the app cannot be loaded.
        """
        loop = asyncio.get_running_loop()
        told = False
        while not stop.is_set():
            for worker in self.workers:
                self._look_at(worker, loop.time())
            if not told and all(worker.was_up for worker in self.workers):
                told = True
                up()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK_EVERY_S)
        await self.drain()

    def _look_at(self, worker: _Worker, now: float) -> None:
        if worker.process.is_alive():
            worker.was_up = worker.was_up or self._up(worker.index).exists()
        elif worker.process.exitcode == UNLOADABLE:
            raise UnloadableError
        elif not worker.was_up:
            raise ConfigError(f"process {worker.index} ended before it was up, with code {worker.process.exitcode}")
        elif worker.restart_at == math.inf:
            _log.error("process %d has died with code %s", worker.index, worker.process.exitcode)
            worker.restart_at = now + _RESTART_S
        elif worker.restart_at <= now:
            worker.process, worker.restart_at = self._spawn(worker.index), math.inf

    def reload(self) -> None:
        """Tell every process to read its certificates anew."""
        for worker in self.workers:
            if worker.process.pid is not None and worker.process.is_alive():
                os.kill(worker.process.pid, signal.SIGHUP)

    async def drain(self) -> None:
        """Tell every process to drain, and wait for them as long as that may take."""
        self.stopping = True
        for worker in self.workers:
            worker.process.terminate()
        loop = asyncio.get_running_loop()
        until = loop.time() + self.settings.drain_s + 10
        while any(worker.process.is_alive() for worker in self.workers) and loop.time() < until:
            await asyncio.sleep(_LOOK_EVERY_S)
        self.close()

    def close(self) -> None:
        """End what is left."""
        for worker in self.workers:
            worker.process.kill()
            worker.process.join()
        self._kept.close()
        self._folder.cleanup()

    # -- the admin port --

    def ready(self) -> bool:
        """Whether every process that runs takes requests, and one runs; as of the last :meth:`refresh`."""
        return self._ready

    async def refresh(self) -> None:
        """Ask all processes."""
        ready, told = await asyncio.gather(self._ask("/readyz"), self._ask("/metrics"))
        self._ready = not self.stopping and bool(ready) and all(status == 200 for status, _ in ready.values())
        self.metrics.told({index: text for index, (status, text) in told.items() if status == 200})

    async def _ask(self, path: str) -> dict[int, tuple[int, str]]:
        alive = [worker.index for worker in self.workers if worker.process.is_alive()]
        answers = await asyncio.gather(*(_answer(str(self._socket(index)), path) for index in alive))
        return {index: answer for index, answer in zip(alive, answers, strict=True) if answer is not None}


async def _answer(socket_path: str, path: str) -> tuple[int, str] | None:
    """Status and body of a GET; None when the process does not answer."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_unix_connection(socket_path)
            writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            return int(head.split(b" ", 2)[1]), body.decode()
    except (OSError, TimeoutError, IndexError, ValueError):
        return None
