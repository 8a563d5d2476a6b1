"""``fanout tune``: the memory and the batch size of a function, by what a record costs and takes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fanout import aws
from fanout.errors import FanoutError
from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services, workers
from fanout_tools.cli.output import complain, console, print_rows
from fanout_tools.contracts import golden
from fanout_tools.cost import prices
from fanout_tools.declarations import editing
from fanout_tools.declarations.worker import load, worker_name
from fanout_tools.operate.actions.tune import Tune, refusal
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.sources.reports import usage
from fanout_tools.operate.topology import Topology, WorkerPlace
from fanout_tools.operate.views.priority import Candidate, ranked
from fanout_tools.operate.views.tuning import Point, Report, Strategy, choose, drawn, dumped, points, read
from fanout_tools.operate.views.tuning_svg import svg
from fanout_tools.operate.windows import since
from fanout_tools.project import project

__all__ = ["command"]

NOT_FOUND, REFUSED, INTERRUPTED = 3, 5, 130
MEMORIES = "128,256,512,1024,1769"
"""1,769 MB are one whole processor (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)."""


def command(
    worker: Annotated[str | None, typer.Argument(help="The worker; with --all none.", autocompletion=workers)] = None,
    *,
    all_workers: Annotated[bool, typer.Option("--all", help="Only say which functions are worth it first.")] = False,
    since_: Annotated[str, typer.Option("--since", help="How far back --all reads, such as 2h, 1d, 7d.")] = "1d",
    memories: Annotated[str, typer.Option(help="Memory sizes in MB.")] = MEMORIES,
    batches: Annotated[
        str | None, typer.Option(help="Batch sizes.", show_default="1, 10 and batch.size, as far as it goes")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Warm invocations of each.")] = 10,
    strategy: Annotated[Strategy, typer.Option(help="What the point is chosen by.")] = Strategy.BALANCED,
    from_: Annotated[
        Path | None,
        typer.Option("--from", exists=True, dir_okay=False, help="Events to take, a line of JSON each; else golden."),
    ] = None,
    reports: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Choose by recorded reports; nothing is invoked.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Keep the reports in this file.")] = None,
    picture: Annotated[Path | None, typer.Option("--svg", help="Draw the curve into this file.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Put the chosen numbers into worker.yaml.")] = False,
    confirm: Annotated[str | None, typer.Option(help="The worker's name: its handlers' own effects are real.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Measure a worker's package under memory and batch sizes, and show what a record costs and takes with each. It
    runs as a function of its own, never the one that has the events: nothing is published, settled or remembered. What
    handlers do by themselves they do, so that the worker's name has to be typed.

    An emulator gives no function more CPU for more memory: there --record keeps reports, and nothing is chosen;
    --reports chooses by those that were recorded on AWS.

        fanout tune --all --since 7d --env prod

        fanout tune billing --env prod --record billing.jsonl --svg billing.svg

        fanout tune billing --reports billing.jsonl --strategy cost --write
    """
    if reports is not None and worker is not None:
        measured = read(reports.read_text(encoding="utf-8"))
        _tell(services, worker, measured, strategy, picture, write=write, as_json=as_json)
        return
    topology = topology_of(env, namespace, services)
    if all_workers or worker is None:
        _rank(topology, since_, as_json=as_json)
        return
    place = topology.worker(worker)
    sizes = _numbers(batches, "--batches") if batches else _sizes(place)
    chosen = _numbers(memories, "--memories")
    bodies = _bodies(place, from_)
    calls = len(chosen) * len(sizes) * (rounds + 1)
    complain(f"fanout: {calls} invocations of {place.name}'s package, {chosen} MB, batches of {sizes}")
    if dry_run:
        if as_json:
            print(json.dumps({"invocations": calls, "memories_mb": chosen, "batches": sizes}))
        return
    _allow(topology, place, confirm, record)
    measured = _measure(Tune(topology, place, bodies, aws.client), chosen, sizes, rounds)
    if record is not None:
        record.write_text(dumped(measured), encoding="utf-8")
    if topology.place.endpoint is None:
        _tell(services, worker, measured, strategy, picture, write=write, as_json=as_json)


def _numbers(text: str, option: str) -> list[int]:
    try:
        return sorted({int(part) for part in text.split(",")})
    except ValueError as error:
        raise typer.BadParameter(f"{text}: write numbers, such as 128,256", param_hint=option) from error


def _sizes(worker: WorkerPlace) -> list[int]:
    most = worker.manifest.batch.size
    return sorted({1, min(10, most), most})


def _bodies(worker: WorkerPlace, file: Path | None) -> list[str]:
    """
    :raises FanoutError: there is no event to take.
    """
    if file is not None:
        return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    found = golden.find(project().golden)
    bodies = [it.delivered().decode() for it in found if worker.takes(it.contract.identifier)]
    if not bodies:
        raise FanoutError(f"{worker.name}: no golden event of what it takes; give events, --from FILE")
    return bodies


def _allow(topology: Topology, worker: WorkerPlace, confirm: str | None, record: Path | None) -> None:
    said = refusal(worker)
    if said is None and topology.place.endpoint is not None and record is None:
        said = "an emulator gives no function more CPU for more memory: --reports FILE chooses by what AWS reported"
    if said is None:
        typed = confirm or typer.prompt(f"Effects of {worker.name}'s handlers are real; its name", err=True)
        said = None if typed == worker.name else f"{typed} is not {worker.name}"
    if said is not None:
        complain(f"fanout: {said}")
        raise typer.Exit(REFUSED)


def _measure(tune: Tune, memories: Sequence[int], batches: Sequence[int], rounds: int) -> list[Report]:
    measured: list[Report] = []
    try:
        with tune.open():
            for report in tune.measure(memories, batches, rounds):
                if not measured or (report.memory_mb, report.batch) != (measured[-1].memory_mb, measured[-1].batch):
                    complain(f"fanout: {report.memory_mb} MB, batches of {report.batch}")
                measured.append(report)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    return measured


def _tell(
    services: Path,
    worker: str,
    measured: Sequence[Report],
    strategy: Strategy,
    picture: Path | None,
    *,
    write: bool,
    as_json: bool,
) -> None:
    file = _file(services, worker)
    manifest = load(file)
    listed = prices.load()
    price = listed[f"lambda.{manifest.function.architecture}_gb_s"].each
    curve = points(measured, price, listed["lambda.request"].each)
    best = choose(curve, strategy)
    for text in [json.dumps(it.to_json() | {"chosen": it is best}) for it in curve] if as_json else drawn(curve, best):
        print(text) if as_json else console.print(text)
    if picture is not None:
        picture.write_text(svg(worker, curve, best), encoding="utf-8")
    if write:
        _write(file, best)


def _write(file: Path, best: Point) -> None:
    editing.write(file, {("function", "memory_mb"): best.memory_mb, ("batch", "size"): best.batch})
    complain(f"fanout: {file}: function.memory_mb {best.memory_mb}, batch.size {best.batch}")


def _file(services: Path, worker: str) -> Path:
    for file in sorted(services.glob("*/worker.yaml")):
        if worker_name(file.parent) == worker:
            return file
    complain(f"fanout: worker {worker}: no such worker under {services}")
    raise typer.Exit(NOT_FOUND)


def _rank(topology: Topology, text: str, *, as_json: bool) -> None:
    window, listed = since(text), prices.load()

    async def asked() -> list[Candidate]:
        async with Fast.reached(topology.place) as fast:
            used = await usage(fast, topology, window)
        by_architecture = {name: listed[f"lambda.{name}_gb_s"].each for name in ("arm64", "x86_64")}
        return ranked(topology, used, window.seconds, by_architecture, listed["lambda.request"].each)

    found = asyncio.run(asked())
    columns = ["worker", "worth_usd", "usd_a_month", "used_mb", "memory_mb", "records_a_batch", "reasons"]
    print_rows(columns, [it.to_json() for it in found], as_json=as_json, title=f"worth tuning, by the last {text}")
