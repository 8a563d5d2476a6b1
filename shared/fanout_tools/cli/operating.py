"""What commands that operate have in common: where they reach, who runs them, and how they ask."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.output import complain
from fanout_tools.operate.actions.carrying import Result
from fanout_tools.operate.masking import NOTHING, Masking
from fanout_tools.operate.operating import NOT_FOUND, REFUSED, NotFoundError, Operating, RefusedError
from fanout_tools.project import project

__all__ = [
    "INTERRUPTED",
    "NOT_FOUND",
    "STUCK",
    "DryRun",
    "NotFoundError",
    "Operating",
    "Personal",
    "PersonalWhy",
    "Rate",
    "RefusedError",
    "Why",
    "Yes",
    "carried",
    "confirm",
    "masking",
    "masking_of",
    "operating_of",
]

STUCK, INTERRUPTED = 4, 130

Why = Annotated[str, typer.Option(help="Why, for whoever reads the journal.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Personal = Annotated[
    bool,
    typer.Option("--personal", help="Personal values too: needs --why and the operator's rights, and is journalled."),
]
PersonalWhy = Annotated[str, typer.Option("--why", help="Why --personal is needed, for whoever reads the journal.")]
Rate = Annotated[str, typer.Option(help="At most so many messages: 20/s, 100/m.")]


def operating_of(env: str, namespace: str | None, services: Path) -> Operating:
    """The deployment, for one command."""
    return Operating(
        topology_of(env, namespace, services), told=_progress, said=lambda text: complain(f"fanout: {text}")
    )


def masking_of(operating: Operating, worker: str, ids: Sequence[str] = (), *, personal: bool, why: str) -> Masking:
    """What of events is shown: by the project's contracts without personal values, unless they are asked for.

    :raises RefusedError: they are, without a reason or by somebody who may not operate.
    """
    if personal:
        operating.show_personal(worker, why, now(), ids)
        return NOTHING
    return masking()


def masking() -> Masking:
    """Nothing personal is shown, by the project's contracts."""
    found = project()
    return Masking.by(found.load_contracts() if found.contracts.exists() else ())


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
