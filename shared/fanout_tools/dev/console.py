"""The console's pages over a session: the same views, and sources in memory; and a page that sends events."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fanout import aws
from fanout.errors import EventError, FanoutError
from fanout.events.envelope import Envelope
from fanout.events.event import Event, contract_of, contracts
from fanout.publish import wrap
from fanout_tools.console import schema_form
from fanout_tools.console.access import Access, Role
from fanout_tools.console.answers import Page
from fanout_tools.console.app import make
from fanout_tools.console.console import Console, Live
from fanout_tools.console.entries import Entry, FormError
from fanout_tools.console.serve import HOST
from fanout_tools.dev.bus import Sent
from fanout_tools.dev.examples import example
from fanout_tools.dev.history import History
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

SHOWN = 50
PERIOD_S = 60
OWN = "fanout."
"""Sources of the platform's own events begin so: nobody sends them by hand."""


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


@dataclass(frozen=True)
class SendPages:
    """The page that sends events, and shows the last ones."""

    session: Session

    @property
    def entries(self) -> tuple[Entry, ...]:
        return (
            Entry("/send", self.form),
            Entry("/send", self.send, Role.OPERATOR, "POST"),
            Entry("/send/hurry", self.hurry, Role.OPERATOR, "POST"),
        )

    async def form(self, request: Request, console: Console) -> Page:
        """A form for an event, with the data of an example, or of an event that was sent."""
        name, of = (request.query_params.get(it, "") for it in ("event", "of"))
        return await run_in_threadpool(self._page, console, name, of, None, "")

    def _page(self, console: Console, name: str, of: str, data: Mapping[str, Any] | None, trouble: str) -> Page:
        names = {it.contract.identifier for it in contracts()}
        known = sorted(it for it in names if not it.startswith(OWN))
        contract = contract_of(name) if name else None
        shown = dict(data if data is not None else self._begin(contract, of) if contract else {})
        topology = console.topology
        return Page(
            title="Send",
            template="send.html",
            command="",
            told=[it._asdict() for it in self._sent()],
            shown={
                "events": known,
                "chosen": name,
                "of": of,
                "contract": contract and str(contract.contract),
                "takers": [it.name for it in topology.workers.values() if name and it.takes(name)],
                "fields": tuple(schema_form.fields(contract.model_json_schema(), shown)) if contract else (),
                "text": json.dumps(shown, indent=2, ensure_ascii=False),
                "trouble": trouble,
                "sent": [_row(it, known) for it in self._sent()],
                "waiting": list(self._waiting()),
            },
            refresh_s=console.refresh_s,
            status=400 if trouble else 200,
            kept=False,
        )

    def _sent(self) -> list[Sent]:
        return list(self.session.local.bus.sent)[: -SHOWN - 1 : -1]

    def _begin(self, contract: type[Event], of: str) -> Mapping[str, Any]:
        for sent in self.session.local.bus.sent:
            if of and sent.event_id == of:
                detail = sent.event["detail"]
                data: Mapping[str, Any] = detail if contract.contract.aws_native else detail["data"]
                return data
        return example(contract, self.session.local.project.golden)

    def _waiting(self) -> Iterator[dict[str, Any]]:
        now = self.session.local.clock()
        for name, worker in self.session.local.workers.items():
            for message in worker.queue.messages():
                if message.visible_at > now and message.receives:
                    yield {
                        "worker": name,
                        "event_id": _event_id(message.body),
                        "receives": message.receives,
                        "again_s": message.visible_at - now,
                    }

    async def send(self, request: Request, console: Console) -> Page | Response:
        """Send what the form says, and go to the event."""
        form: dict[str, str] = request.state.form
        name, of = form.get("event", ""), form.get("of", "")
        contract = contract_of(name)
        try:
            data = self._data(contract, form, of)
        except (FormError, EventError) as error:
            return self._page(console, name, of, None, str(error))
        try:
            envelope = _wrapped(contract, data)
        except FanoutError as error:
            return self._page(console, name, of, data, str(error))
        self.session.publish(envelope)
        return RedirectResponse(f"/e/{envelope.metadata.event_id}?event={quote(name, safe='')}", 303)

    def _data(self, contract: type[Event], form: Mapping[str, str], of: str) -> Mapping[str, Any]:
        if "data" not in form:
            return schema_form.values(contract.model_json_schema(), form, self._begin(contract, of))
        try:
            data = json.loads(form["data"])
        except ValueError as error:
            raise FormError(f"data: not JSON: {error}") from error
        if not isinstance(data, dict):
            raise FormError("data: must be a JSON object")
        return data

    async def hurry(self, request: Request, console: Console) -> Response:
        """Let all that wait for another try have it now."""
        del request, console
        local = self.session.local
        for worker in local.workers.values():
            worker.queue.hurry(local.clock())
        local.news.set()
        return RedirectResponse("/send", 303)


def _wrapped(contract: type[Event], data: Mapping[str, Any]) -> Envelope:
    """
    :raises EventError: the data break the contract.
    """
    return wrap(contract.from_input(dict(data)))


def _row(sent: Sent, known: Iterable[str]) -> dict[str, Any]:
    return {
        "at": sent.at,
        "name": sent.name,
        "event_id": sent.event_id,
        "recipients": sent.recipients,
        "known": sent.name in known,
    }


def _event_id(body: str) -> str:
    try:
        return Envelope.decode(body).metadata.event_id
    except FanoutError:
        return "?"


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
