"""``/c``, ``/t/W`` and ``/cost``: what the project declares, has recorded and would cost; no call to AWS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from fanout.events.event import Event, contracts
from fanout_tools.console.answers import Page
from fanout_tools.console.console import Console
from fanout_tools.console.entries import Entry
from fanout_tools.cost.calculation import calculate, cost_json
from fanout_tools.cost.mix import Mix
from fanout_tools.cost.prices import load
from fanout_tools.operate.topology import Topology, WorkerPlace
from fanout_tools.operate.views.tuning import Point, Strategy, choose, points, read
from fanout_tools.plans import Plan
from fanout_tools.plans.file import read as read_plan

__all__ = ["ENTRIES", "recorded"]

EVENTS_A_MONTH = 10_000_000.0


async def catalogue(request: Request, console: Console) -> Page:
    """Every event with its contract, who publishes it and who takes it under which condition."""
    text = request.query_params.get("q", "").strip().lower()
    rows = [it for it in _events(console.topology) if text in it["event"].lower()]
    return Page(
        title="Catalogue",
        template="catalogue.html",
        command=console.command("diagram", console.env),
        told=rows,
        shown={"events": rows, "text": text},
    )


def _events(topology: Topology) -> Iterator[dict[str, Any]]:
    known: Mapping[str, type[Event]] = {it.contract.identifier: it for it in contracts()}
    workers = topology.workers.values()
    named = {each.event for it in workers for each in it.manifest.subscribes if each.event != "*"}
    named |= {event for it in workers for event in it.manifest.publishes}
    for event in sorted(named | known.keys()):
        contract = known.get(event)
        yield {
            "event": event,
            "version": contract.contract.version if contract else None,
            "owner": contract.contract.owner if contract else None,
            "deprecated": contract.contract.deprecated if contract else None,
            "description": (contract.__doc__ or "").strip() if contract else "",
            "fields": _fields(contract) if contract else [],
            "publishers": [it.name for it in workers if event in it.manifest.publishes],
            "subscribers": [_subscriber(it, event) for it in workers if it.takes(event)],
        }


def _fields(contract: type[Event]) -> list[str]:
    return [f"{name}{'' if field.is_required() else '?'}" for name, field in contract.model_fields.items()]


def _subscriber(place: WorkerPlace, event: str) -> dict[str, Any]:
    conditions = [each.where for each in place.manifest.subscribes if each.event in (event, "*") and each.where]
    return {"worker": place.name, "where": conditions}


def recorded(folder: Path, worker: str) -> Path:
    """Where ``fanout tune --record`` is to keep reports for this console to draw."""
    return folder / "build" / "tune" / f"{worker}.jsonl"


async def tune(request: Request, console: Console) -> Page:
    """The curve of the reports that were recorded last."""
    place = console.topology.worker(request.path_params["worker"])
    strategy = request.query_params.get("strategy", "")
    chosen_by = Strategy(strategy) if strategy in set(Strategy) else Strategy.BALANCED
    file = recorded(console.folder, place.name)
    curve = await run_in_threadpool(_curve, file, place) if file.exists() else []
    best = choose(curve, chosen_by) if curve else None
    command = console.command("tune", place.name, "--record", str(recorded(Path(), place.name)))
    return Page(
        title=f"Tune {place.name}",
        template="tune.html",
        command=command,
        told=[it.to_json() | {"chosen": it is best} for it in curve],
        shown={
            "worker": place,
            "curve": curve,
            "best": best,
            "strategies": tuple(Strategy),
            "strategy": chosen_by,
            "file": recorded(Path(), place.name),
        },
    )


def _curve(file: Path, place: WorkerPlace) -> list[Point]:
    listed = load()
    price = listed[f"lambda.{place.manifest.function.architecture}_gb_s"].each
    return points(read(file.read_text(encoding="utf-8")), price, listed["lambda.request"].each)


async def cost(request: Request, console: Console) -> Page:
    """What the environment would cost, from the plan that was made of it last."""
    text = request.query_params.get("events", "")
    events = min(1e15, max(1.0, float(text))) if text.replace(".", "", 1).isdecimal() else EVENTS_A_MONTH
    file = console.folder / "build" / "plans" / f"{console.env}.json"
    made = await run_in_threadpool(_cost, file, events, console.services) if file.exists() else None
    return Page(
        title="Cost",
        template="cost.html",
        command=console.command("cost", "--events-per-month", f"{events:.0f}"),
        told=[made] if made else (),
        shown={"cost": made, "events": events, "file": Path("build") / "plans" / file.name},
    )


def _cost(file: Path, events: float, services: Path) -> dict[str, Any]:
    return cost_json(calculate(events, Plan.read(read_plan(file)), Mix(), services))


ENTRIES = (Entry("/c", catalogue), Entry("/t/{worker}", tune), Entry("/cost", cost))
