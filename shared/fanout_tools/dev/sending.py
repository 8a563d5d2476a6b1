"""The page that sends events to a session, and shows the last ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fanout.errors import EventError, FanoutError
from fanout.events.envelope import Envelope
from fanout.events.event import Event, contract_of, contracts
from fanout.publish import wrap
from fanout_tools.console import schema_form
from fanout_tools.console.access import Role
from fanout_tools.console.answers import Page
from fanout_tools.console.console import Console
from fanout_tools.console.entries import Entry, FormError
from fanout_tools.dev.bus import Sent
from fanout_tools.dev.examples import example
from fanout_tools.dev.session import Session

__all__ = ["SendPages"]

SHOWN = 50
OWN = "fanout."
"""Sources of the platform's own events begin so: nobody sends them by hand."""


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
