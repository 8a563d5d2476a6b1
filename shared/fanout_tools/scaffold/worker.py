"""``fanout new worker``: a worker's declaration, its handler, and a test that delivers golden events to it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from fanout_tools.errors import near_miss
from fanout_tools.project import Project
from fanout_tools.scaffold.errors import ScaffoldError
from fanout_tools.scaffold.event import keep, new_event
from fanout_tools.scaffold.files import fill, refuse_existing, snake, write
from fanout_tools.scaffold.sources import add_queue, add_schedule, check_queue, check_schedule

__all__ = ["new_worker"]

OBJECT_CREATED: Final = "aws.s3/Object Created"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,30}")


class _Event(NamedTuple):
    """An event as a handler's module sees it."""

    identifier: str
    module: str
    name: str


def new_worker(
    of: Project,
    name: str,
    *,
    on: Sequence[str] = (),
    bucket: str | None = None,
    schedule: str | None = None,
    queue: str | None = None,
    fields: Sequence[str] = (),
) -> list[Path]:
    """Write a worker that handles events.

    :param on: the events, each ``<source>/<Name>`` of a contract.
    :param bucket: a bucket of the worker's own, whose new objects it handles.
    :param schedule: EventBridge Scheduler's ``rate(...)`` or ``cron(...)``; it handles an event of its own then.
    :param queue: a queue that is not the platform's, by name or ARN: its messages become the event that ``on`` names,
        or one of the worker's own.
    :param fields: of that event of its own, each ``name:type``; a message's body has to have them.
    :returns: the files that were written or added to.
    :raises ScaffoldError: a name cannot be used, an event is not declared, or the worker is there.
    """
    if not _NAME.fullmatch(name):
        raise ScaffoldError(f"{name}: a worker's name has lower-case letters, digits and _, a letter first, 31 at most")
    folder = of.services / name
    refuse_existing(folder)
    events = [_declared(of, identifier) for identifier in on]  # before anything is written
    if schedule is not None:
        check_schedule(of, name, schedule)
    if queue is not None:
        check_queue(of, name, queue)
    _check_fields(queue, on, fields)
    made: list[Path] = []
    if queue is not None:
        sent = events[0] if events else _of_its_own(of, "queues", f"{_camel(name)}Received")
        made += [] if events else new_event(of, sent.identifier, fields or ["id:str"])
        made += add_queue(of, name, queue, sent.identifier)
        events = [sent]
    if schedule is not None:
        due = _of_its_own(of, "clock", f"{_camel(name)}Due")
        made += [*new_event(of, due.identifier, ["reason:str"]), *add_schedule(of, name, schedule, due.identifier)]
        events.append(due)
    if bucket is not None:
        event, written = _object_created(of)
        made += written
        events.append(event)
    if not events:
        raise ScaffoldError(
            f"{name}: name what it handles: --on EVENT, --s3 BUCKET, --schedule 'rate(1 day)' or --from-queue QUEUE"
        )
    files = {
        folder / "worker.yaml": _declaration(folder, name, events, bucket),
        folder / "handler.py": _handler(name, events),
        folder / "test_handler.py": _test(of, folder, name, events),
    }
    if (of.services / "__init__.py").exists():
        files[folder / "__init__.py"] = ""
    return [*made, *write(files)]


def _check_fields(queue: str | None, on: Sequence[str], fields: Sequence[str]) -> None:
    if queue is not None and len(on) > 1:
        raise ScaffoldError(f"{queue}: its messages are one event: give --on once, or not at all")
    if fields and (queue is None or on):
        raise ScaffoldError("--field: describes the event that --from-queue makes without --on")


def _of_its_own(of: Project, source: str, name: str) -> _Event:
    return _Event(f"{of.namespace}.{source}/{name}", f"{of.contracts.name}.{source}", name)


def _declared(of: Project, identifier: str) -> _Event:
    declared = {contract.contract.identifier: contract for contract in of.load_contracts()}
    if (contract := declared.get(identifier)) is None:
        raise ScaffoldError(
            f"{identifier}: no contract declares it; {near_miss(identifier, declared)}"
            f"declare it: `fanout new event '{identifier}'`"
        )
    return _Event(identifier, contract.__module__, contract.__name__)


def _declaration(folder: Path, name: str, events: Sequence[_Event], bucket: str | None) -> str:
    subscribes = "".join(f"  - event: {event.identifier}\n" for event in events)
    stores = "" if bucket is None else fill("worker/bucket.yaml", bucket=bucket)
    heading = _schema_line(folder, "worker")
    return heading + fill("worker/worker.yaml", description=_sentence(name), subscribes=subscribes, stores=stores)


def _schema_line(folder: Path, kind: str) -> str:
    """Where editors find the schema: in the repository of fanout itself it is beside the code."""
    schema = Path(__file__).parents[1] / "declarations" / f"{kind}.schema.json"
    root = Path(os.path.commonpath([schema, folder.resolve()]))
    inside = root.joinpath("pyproject.toml").exists()
    return f"# yaml-language-server: $schema={os.path.relpath(schema, folder.resolve())}\n" if inside else ""


def _handler(name: str, events: Sequence[_Event]) -> str:
    imports = "".join(f"from {module} import {', '.join(sorted(names))}\n" for module, names in _by_module(events))
    handlers = "\n\n".join(
        fill("worker/handle.py", name=event.name, function=f"on_{snake(event.name)}") for event in events
    )
    return fill("worker/handler.py", worker=_sentence(name), logger=name, imports=imports, handlers=handlers)


def _by_module(events: Sequence[_Event]) -> list[tuple[str, set[str]]]:
    found: dict[str, set[str]] = {}
    for event in events:
        found.setdefault(event.module, set()).add(event.name)
    return sorted(found.items())


def _test(of: Project, folder: Path, name: str, events: Sequence[_Event]) -> str:
    up = len(folder.relative_to(of.services.parent).parts)
    names = ", ".join(f'"{event.identifier}"' for event in events)
    contracts = os.path.relpath(of.golden.resolve(), of.services.resolve().parent)
    package = ".".join(of.services.resolve().relative_to(of.root).parts)
    return fill("worker/test_handler.py", worker=name, services=package, up=str(up), golden=contracts, events=names)


def _object_created(of: Project) -> tuple[_Event, list[Path]]:
    """S3's event; its contract is written where the project has none."""
    for contract in of.load_contracts():
        if contract.contract.identifier == OBJECT_CREATED:
            return _Event(OBJECT_CREATED, contract.__module__, contract.__name__), []
    written = write({of.contracts / "s3.py": fill("worker/s3.py")})
    example = {"bucket": {"name": "uploads"}, "object": {"key": "folder/file.txt", "size": 12}}
    event = _Event(OBJECT_CREATED, f"{of.contracts.name}.s3", "ObjectCreated")
    return event, [*written, *keep(of, OBJECT_CREATED, example)]


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _sentence(name: str) -> str:
    return name.replace("_", " ").capitalize()
