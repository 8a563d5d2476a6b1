"""What commands that operate have in common: where they reach, who runs them, and how they ask."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import typer

from fanout import aws
from fanout.errors import FanoutError
from fanout_tools.cli.output import complain
from fanout_tools.operate.actions.carrying import Carrier, Carrying, Result
from fanout_tools.operate.actions.move import Move
from fanout_tools.operate.actions.pacing import Load, Pace, load_of
from fanout_tools.operate.actions.pause import Mapping as SourceMapping
from fanout_tools.operate.announcing import Announcer
from fanout_tools.operate.fence import Fence
from fanout_tools.operate.journal import Journal
from fanout_tools.operate.limits import TokenBucket, parse_rate
from fanout_tools.operate.operations import Operator, journal_of
from fanout_tools.operate.sources.dead_letters import DeadLetterQueue
from fanout_tools.operate.topology import Topology, WorkerPlace

__all__ = [
    "INTERRUPTED",
    "NOT_FOUND",
    "STUCK",
    "DryRun",
    "NotFoundError",
    "Operating",
    "Rate",
    "RefusedError",
    "Why",
    "Yes",
    "carried",
    "confirm",
]

NOT_FOUND, STUCK, REFUSED, INTERRUPTED = 3, 4, 5, 130

Why = Annotated[str, typer.Option(help="Why, for whoever reads the journal.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Rate = Annotated[str, typer.Option(help="At most so many messages: 20/s, 100/m.")]

Client = Callable[..., Any]
_client: Client = aws.client


class RefusedError(FanoutError):
    """A guard refuses; the text says what would let it through."""

    exit_code = REFUSED


class NotFoundError(FanoutError):
    """What was asked for is not there."""

    exit_code = NOT_FOUND


@dataclass(frozen=True)
class Operating:
    """One deployment, for one command."""

    topology: Topology

    def client(self, service: str) -> Any:
        return _client(service)

    @cached_property
    def journal(self) -> Journal:
        bus = self.topology.names.bus
        announcer = Announcer(lambda: self.client("events"), bus, lambda text: complain(f"fanout: {text}"))
        return journal_of(self.topology, self.client("dynamodb"), announce=announcer)

    @cached_property
    def operator(self) -> Operator:
        return Operator.present(self.client("sts"))

    def dead_letters(self, worker: WorkerPlace, *, undelivered: bool = False) -> DeadLetterQueue:
        """A worker's DLQ; of a FIFO worker, if asked for, the one of what could not be delivered to its queue."""
        url = worker.dead_letter_queue_url
        if undelivered and worker.undelivered_queue:
            url = self.topology.place.queue_url(worker.undelivered_queue)
        return DeadLetterQueue(self.client("sqs"), url, worker.manifest.queue.max_receives, told=_progress)

    def fence(self, worker: WorkerPlace) -> Fence:
        return Fence(self.client("dynamodb"), worker)

    def mapping(self, worker: WorkerPlace) -> SourceMapping:
        return SourceMapping(self.client("lambda"), self.topology.place.arn("sqs", worker.queue))

    def carrying(
        self, queue: DeadLetterQueue, carrier: Carrier, rate: str, *, to: WorkerPlace | None = None
    ) -> Carrying:
        """
        :param to: the worker that gets the messages: what it has to do without them slows them down.
        """
        per_s = parse_rate(rate)
        work = Carrying(self.journal, queue, carrier, TokenBucket(per_s), told=_progress)
        if to is not None:
            work.brake = Pace(to, per_s, lambda: self._load(to))
        return work

    def moving(self, worker: WorkerPlace) -> Move:
        """SQS's own way from a worker's DLQ to its queue."""
        arn = self.topology.place.arn
        source, destination = arn("sqs", worker.dead_letter_queue), arn("sqs", worker.queue)
        return Move(self.client("sqs"), self.journal, source, destination, _progress)

    def _load(self, worker: WorkerPlace) -> Load | None:
        """None on an emulator, and for whoever may not see metrics."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self.topology.place.endpoint:
            return None
        try:
            return load_of(self.client("cloudwatch"), worker, now())
        except (BotoCoreError, ClientError):
            return None

    def paused_and_idle_since(self, worker: WorkerPlace, failed_ms: int) -> list[str]:
        """What speaks against a redrive at this moment."""
        told = []
        if self.mapping(worker).paused:
            told.append(f"worker {worker.name} is paused: what is sent waits until `fanout resume {worker.name}`")
        function = self.client("lambda").get_function_configuration(FunctionName=worker.function)
        modified = _seconds(str(function.get("LastModified", "")))
        if failed_ms and modified and modified * 1000 < failed_ms:
            told.append("nothing has been deployed since the last of these failures: they may well fail again")
        return told


def _seconds(moment: str) -> float:
    from datetime import datetime

    try:
        return datetime.fromisoformat(moment.replace("+0000", "+00:00")).timestamp()
    except ValueError:
        return 0.0


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless told not to.

    :raises RefusedError: nobody is there to be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError(f"{question} Nobody is there to be asked: add --yes")
    if not typer.confirm(question):
        raise typer.Exit(REFUSED)


def carried(operation: str, work: Callable[[], Result], *, verb: str, as_json: bool) -> Result:
    """Carry out an operation, and tell how it ended; what was interrupted can be resumed.

    Ends with the exit status 4 when something is left, and 130 when it was interrupted.
    """
    try:
        result = work()
    except KeyboardInterrupt:
        complain(f"fanout: interrupted; `fanout operations resume {operation}` carries it on")
        raise typer.Exit(INTERRUPTED) from None
    except Exception:
        complain(f"fanout: operation {operation} was cut off; `fanout operations resume {operation}` carries it on")
        raise
    _tell(operation, verb, result.to_json(), as_json=as_json)
    if not result.whole:
        raise typer.Exit(STUCK)
    return result


def _tell(operation: str, verb: str, result: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps({"operation": operation, **result}))
        return
    print(f"{operation}: {result['carried']} {verb}")
    for text, count in (
        ("were not taken, and stay", len(result["refused"])),
        ("were not there any more", result["gone"]),
        ("may have been sent before, and stay: --again sends them once more", len(result["left"])),
    ):
        if count:
            print(f"{count} {text}")
    if result["stopped"]:
        print(f"stopped: {result['stopped']}; `fanout operations resume {operation}` carries it on")


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {total}", end="\n" if done >= total else "", file=sys.stderr, flush=True)


def now() -> float:
    """Seconds since 1970."""
    return time.time()
