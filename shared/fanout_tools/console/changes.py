"""What operators change: each form first shows the plan, then asks for a reason, then begins; the journal has the rest.

The plan is made again when it is confirmed. Where it comes to another number than the person saw, it is shown again,
and nothing is done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fanout_tools.console import moves, plans
from fanout_tools.console.access import Role
from fanout_tools.console.answers import Page
from fanout_tools.console.console import Console
from fanout_tools.console.entries import Entry
from fanout_tools.console.plans import Planned

__all__ = ["ENTRIES", "Change"]

Plan = Callable[[Console, Mapping[str, str], Mapping[str, Any]], Planned]


@dataclass(frozen=True)
class Change:
    """One kind of change.

    :ivar plan: what would be done, from the form's fields and the address; may refuse.
    """

    verb: str
    plan: Plan
    fields: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self, request: Request, console: Console) -> Page | Response:
        """Plan; and apply, if the person has seen this plan and says why."""
        form: dict[str, str] = request.state.form
        planned = await run_in_threadpool(self.plan, console, form, request.path_params)
        said = _missing(console, planned, form) if form.get("step") == "apply" else None
        if form.get("step") == "apply" and not said:
            place = await run_in_threadpool(planned.begin, form["why"].strip())
            return RedirectResponse(place, 303)
        return self._page(request, console, planned, form, said)

    def _page(
        self, request: Request, console: Console, planned: Planned, form: Mapping[str, str], said: str | None
    ) -> Page:
        kept = {name: value for name, value in form.items() if name not in _OWN}
        return Page(
            title=f"{self.verb} {planned.worker}",
            template="plan.html",
            command=planned.command,
            told=[planned.to_json()],
            shown={
                "verb": self.verb,
                "planned": planned,
                "fields": {**kept, **planned.fields},
                "action": request.url.path,
                "why": form.get("why", ""),
                "said": said,
                "typed": console.access.typed,
            },
            status=409 if said else 200,
            kept=False,
        )


_OWN = frozenset({"step", "why", "confirm", "expected"})
"""Fields of the plan's form itself."""


def _missing(console: Console, planned: Planned, form: Mapping[str, str]) -> str | None:
    """What speaks against beginning, or nothing."""
    if not planned.count:
        return "There is nothing to do."
    if form.get("expected") != str(planned.count):
        return f"It has changed since: it was {form.get('expected')}, and is {planned.count} now. Look again."
    if not form.get("why", "").strip():
        return "Say why, for whoever reads the journal."
    if console.access.typed and form.get("confirm", "").strip() != planned.worker:
        return f"Type the worker's name, {planned.worker}, to confirm it."
    return None


async def edit_form(request: Request, console: Console) -> Page:
    """The form that corrects one event's data."""
    worker, identity = request.path_params["worker"], request.path_params["identity"]
    shown = await run_in_threadpool(plans.edit_form, console, worker, identity)
    return Page(
        title=f"Edit {identity}",
        template="edit.html",
        command=console.command("dlq", "edit", worker, identity),
        shown={**shown, "action": request.url.path},
        kept=False,
    )


async def replay_form(request: Request, console: Console) -> Page:
    """Which events of the archive which worker is to get."""
    return Page(
        title="Replay",
        template="replay.html",
        command=console.command("replay", "--worker", "WORKER", "--from", "TIME", "--to", "TIME"),
        shown={"workers": tuple(console.topology.workers), "chosen": request.query_params.get("worker", "")},
    )


Endpoint = Callable[[Request, Console], Awaitable[Page | Response]]


def _post(path: str, change: Endpoint) -> Entry:
    return Entry(path, change, Role.OPERATOR, "POST")


ENTRIES = (
    _post("/d/{worker}/redrive", Change("Redrive", plans.redrive)),
    _post("/d/{worker}/move", Change("Move", moves.move)),
    _post("/d/{worker}/drop", Change("Drop", plans.drop)),
    Entry("/d/{worker}/m/{identity}/edit", edit_form, Role.OPERATOR),
    _post("/d/{worker}/m/{identity}/edit", Change("Edit", plans.edit)),
    _post("/w/{worker}/pause", Change("Pause", plans.pause)),
    _post("/w/{worker}/resume", Change("Resume", plans.resume)),
    Entry("/r", replay_form),
    _post("/r", Change("Replay", plans.replay)),
    _post("/o/{operation}/resume", Change("Carry on", plans.carry_on)),
)
