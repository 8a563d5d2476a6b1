"""``fanout pause`` and ``fanout resume``: a worker stands still for a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.operating import DryRun, Operating, Why, Yes, confirm, now
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services, workers
from fanout_tools.cli.windows import seconds_of
from fanout_tools.operate.actions.pause import KIND, Pause, open_pauses

__all__ = ["pause", "resume"]

Worker = Annotated[str, typer.Argument(help="The worker.", autocompletion=workers)]


def pause(
    worker: Worker,
    *,
    why: Why,
    for_: Annotated[str, typer.Option("--for", help="How long, such as 30m, 2h, 1d; it is resumed by itself then.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Have a worker take nothing from its queue for a time, and say when messages begin to be lost.

    It is refused (exit status 5) for longer than the queue keeps its oldest message. A deploy does not wake the worker.

    Example: fanout pause notifications --for 2h --why "the mail provider is down"
    """
    operating = Operating(topology_of(env, namespace, services))
    pausing, seconds = _pausing(operating, worker), seconds_of(for_, "--for")
    clock = pausing.plan(seconds, _oldest_s(operating, worker))
    until = datetime.fromtimestamp(now() + seconds, UTC).strftime("%a %d %b %H:%M UTC")
    earlier = open_pauses(operating.journal, worker)
    if not as_json:
        print(f"worker {worker}: paused until {until}; left paused, {clock}")
        for name in earlier:
            print(f"in place of the pause {name}")
    if dry_run:
        if as_json:
            print(json.dumps({"until": now() + seconds, "loses_at": clock.loses_at, "instead_of": list(earlier)}))
        return
    confirm(f"Pause worker {worker} for {for_}?", yes=yes)
    head = operating.operator.head(KIND, worker, why, now(), until=now() + seconds, loses_at=clock.loses_at, total=1)
    pausing.apply(head, seconds, instead_of=earlier)
    if as_json:
        print(json.dumps({"operation": head.operation, "until": now() + seconds, "loses_at": clock.loses_at}))
    else:
        print(f"{head.operation}: `fanout resume {worker}` ends it sooner")


def resume(
    worker: Worker,
    *,
    dry_run: DryRun = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Have a paused worker take from its queue again.

    Example: fanout resume notifications
    """
    operating = Operating(topology_of(env, namespace, services))
    pauses = open_pauses(operating.journal, operating.topology.worker(worker).name)
    if not dry_run:
        _pausing(operating, worker).resume(paused_by=pauses)
    if as_json:
        print(json.dumps({"worker": worker, "resumed": not dry_run, "pauses": list(pauses)}))
    elif dry_run:
        print(f"worker {worker}: would be resumed; pauses: {', '.join(pauses) or 'none in the journal'}")
    else:
        print(f"worker {worker}: takes from its queue again")


def _pausing(operating: Operating, worker: str) -> Pause:
    place = operating.topology.worker(worker)
    return Pause(operating.topology, place, operating.mapping(place), operating.journal, operating.client("scheduler"))


def _oldest_s(operating: Operating, worker: str) -> float:
    """The age of the oldest message in the queue: a metric has it alone, a minute late; 0 where it says nothing."""
    dimensions = [{"Name": "QueueName", "Value": operating.topology.worker(worker).queue}]
    metric = {"Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage", "Dimensions": dimensions}
    found = operating.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "age", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}],
        StartTime=datetime.fromtimestamp(now() - 900, UTC),
        EndTime=datetime.fromtimestamp(now(), UTC),
        ScanBy="TimestampDescending",
    )
    values = [value for result in found["MetricDataResults"] for value in result["Values"]]
    return float(values[0]) if values else 0.0
