"""The console's pages over a session: the same views, and sources in memory."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn

from fanout import aws
from fanout_tools.console.access import Access, Role
from fanout_tools.console.app import make
from fanout_tools.console.console import Console, Live
from fanout_tools.console.serve import HOST
from fanout_tools.dev.history import History
from fanout_tools.dev.sending import SendPages
from fanout_tools.dev.session import Session
from fanout_tools.operate.evidence import Execution, QueueState
from fanout_tools.operate.masking import NOTHING
from fanout_tools.operate.operating import Operating
from fanout_tools.operate.reading import Reading
from fanout_tools.operate.sources.depths import Depth
from fanout_tools.operate.sources.functions import Mapped
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import WorkerPlace
from fanout_tools.operate.tracing import Tracing
from fanout_tools.operate.views.overview import Facts, Overview, overview

__all__ = ["console_of", "serving"]

PERIOD_S = 60


class LocalReading(Reading):
    """What became of events, in this process."""

    def __init__(self, session: Session, history: History) -> None:
        super().__init__(session.local.topology, aws.client)
        self._session, self._history = session, history

    def lines(self, text: str, since: float, until: float) -> Iterable[Mapping[str, Any]]:
        """All that is kept: it is little, and of one session."""
        del since, until
        return self._history.matching(text)

    def queues(self, workers: Iterable[WorkerPlace]) -> Mapping[str, QueueState]:
        local = self._session.local
        found = {place.name: local.workers[place.name] for place in workers if place.name in local.workers}
        return {
            name: QueueState(
                messages=len(it.queue.messages()),
                paused=it.paused or bool(it.broken),
                paused_by=it.broken,
                dead=len(it.dead.messages()),
            )
            for name, it in found.items()
        }

    def executions(self, workflow: str, event_ids: Mapping[str, float]) -> Iterable[tuple[str, Execution]]:
        """No workflow runs here."""
        del workflow, event_ids
        return ()


class LocalConsole(Console):
    """A console without equivalent commands: those of a deployment do not reach this process."""

    def command(self, *words: str) -> str:
        del words
        return ""


def console_of(session: Session, history: History, host: str) -> Console:
    """The pages over a session.

    :param host: where they are served.
    """
    local = session.local

    async def looked(window: Window, workers: Sequence[WorkerPlace]) -> Overview:
        return overview(
            local.topology,
            workers or list(local.topology.workers.values()),
            _facts(session, history, window),
            window.seconds,
        )

    async def counted(window: Window, worker: WorkerPlace) -> Mapping[float, Mapping[str, int]]:
        return history.series(worker.name, window.start, PERIOD_S)

    def tracing() -> Tracing:
        return Tracing(local.topology, LocalReading(session, history), local.project.services)

    def declared() -> None:
        made.operating, made.tracing = Operating(local.topology, aws.client), tracing()

    made = LocalConsole(
        env="local",
        operating=Operating(local.topology, aws.client),
        look=looked,
        series=counted,
        tracing=tracing(),
        access=Access(Role.OPERATOR, frozenset({host, host.replace(HOST, "localhost")}), typed=False),
        masking=NOTHING,  # events of one's own making
        folder=local.project.root,
        services=local.project.services,
        clock=local.clock,
        links=(("/send", "Send"),),
        live=Live(history.of_event),
    )
    local.declared = declared
    return made


def _facts(session: Session, history: History, window: Window) -> Facts:
    local, now = session.local, session.local.clock()
    url = local.topology.place.queue_url
    depths: dict[str, Depth | None] = {url(name): Depth(*queue.counts(now)) for name, queue in local.sqs.queues.items()}
    ages = {
        it.queue.name: now - min(m.sent_at for m in waiting)
        for it in local.workers.values()
        if (waiting := it.queue.messages())
    }
    stopped = {name for name, it in local.workers.items() if it.paused or it.broken}
    errors = {name: it.broken or history.last_failure(name) for name, it in local.workers.items()}
    return Facts(
        depths=depths,
        counts=history.counts(window.start),
        ages_s=ages,
        mapped={name: Mapped("Disabled" if name in stopped else "Enabled", None) for name in local.workers},
        last_errors={name: text for name, text in errors.items() if text},
    )


@contextmanager
def serving(session: Session, history: History, own: socket.socket) -> Iterator[str]:
    """Serve the pages from a thread of their own, inside; their URL."""
    port = own.getsockname()[1]
    console = console_of(session, history, f"{HOST}:{port}")
    app = make(console, SendPages(session).entries)
    config = uvicorn.Config(
        app, log_level="error", access_log=False, lifespan="off", server_header=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [own]}, name="console", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{port}/send?token={console.access.token}"
    finally:
        server.should_exit = True
        thread.join(5)
