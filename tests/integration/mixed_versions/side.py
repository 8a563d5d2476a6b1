"""One side of the test of mixed versions, run by either core: ``python side.py publish|WORKER REPLY < what it gets``.

``PYTHONPATH`` says which core it is. A worker is given SQS records as Lambda gives them, and its response is written to
REPLY; what its handlers did is in REPLY.effects.
"""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

from fanout import AggregateResult, Context, Event, Publisher, Worker, aws
from fanout.publish.routes import Route, Routes

SOURCE = "mixed.shop"
HERE = Path(os.environ["MIXED_WORKERS"])
REPLY = Path(sys.argv[2])


class Asked(Event, source=SOURCE, version=1):
    question: str
    note: str = ""


class Answered(Event, source=SOURCE, version=1):
    answer: str


class Wanted(Event, source=SOURCE, version=1):
    pieces: int


class Piece(Event, source=SOURCE, version=1):
    number: int


class Made(Event, source=SOURCE, version=1):
    numbers: list[int]
    failed: list[int]
    missing: list[int]


def did(context: Context, what: str) -> None:
    """An effect, and the id that the core derives for it."""
    with Path(f"{REPLY}.effects").open("a") as effects:
        effects.write(json.dumps([what, context.event_id, context.identity("effect")]) + "\n")


def echo() -> Worker:
    """Answers each question once; dies, when told to, after the effect and before the record of it."""
    worker = Worker(str(HERE / "echo" / "handler.py"))

    @worker.handles(Asked)
    def answer(asked: Asked, context: Context) -> None:
        did(context, f"{asked.question}:{len(asked.note)}")
        context.publish(Answered(answer=asked.question))
        if "MIXED_DIES" in os.environ:
            os._exit(1)

    return worker


def desk() -> Worker:
    """Scatters what is wanted into pieces, and gathers them."""
    worker = Worker(str(HERE / "desk" / "handler.py"))

    @worker.handles(Wanted)
    def split(wanted: Wanted, context: Context) -> None:
        pieces = [Piece(number=number) for number in range(wanted.pieces)]
        context.scatter(pieces, into=Made, deadline=timedelta(hours=1))

    @worker.gathers(Made)
    def made(wanted: Wanted, gathered: AggregateResult) -> Made:
        numbers = sorted(part.result for part in gathered.succeeded)
        failed = sorted(part.index for part in gathered.failed)
        return Made(numbers=numbers, failed=failed, missing=sorted(gathered.missing))

    return worker


def hand() -> Worker:
    """Makes the pieces."""
    worker = Worker(str(HERE / "hand" / "handler.py"))

    @worker.handles_part(Piece)
    def make(piece: Piece, context: Context) -> int:
        did(context, f"piece:{piece.number}")
        return piece.number

    return worker


def publish(given: dict[str, object]) -> list[str]:
    """Publish one event, large ones as a claim; its id."""
    try:
        from fanout.payloads import ClaimCheck
    except ImportError:  # the first version's name
        from fanout.claimcheck import ClaimCheck  # type: ignore[import-not-found,no-redef]
    contract = {"Asked": Asked, "Wanted": Wanted}[str(given.pop("event"))]
    claims = ClaimCheck(lambda: aws.client("s3"), lambda: os.environ["FANOUT_CLAIMS_BUCKET"])
    routes = Routes({f"{SOURCE}/Asked": Route(filtered=frozenset())})
    publisher = Publisher.connect(os.environ["FANOUT_BUS"], routes=routes, claim_check=claims)
    return [publisher.publish(contract(**given)).envelope.metadata.event_id]


def main() -> None:
    """Do what the arguments say."""
    given = json.load(sys.stdin)
    if sys.argv[1] == "publish":
        reply: object = publish(given)
    else:
        worker = {"echo": echo, "desk": desk, "hand": hand}[sys.argv[1]]()
        context = SimpleNamespace(
            aws_request_id="00000000-0000-4000-8000-000000000000",
            function_name=sys.argv[1],
            get_remaining_time_in_millis=lambda: 60_000,
        )
        reply = worker.lambda_handler({"Records": given}, context)
    REPLY.write_text(json.dumps(reply))


if __name__ == "__main__":
    main()
