"""Imports handler modules as Lambda does, in a process of its own: ``python -m fanout_tools.handlers.probe ANSWERS``.

Standard input has the folders, each with its function's environment, as JSON; a line of problems for each is added to
the file ANSWERS. What the modules print goes nowhere.
"""

import importlib
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from fanout.errors import FanoutError
from fanout.processing.handlers import is_coroutine
from fanout.worker import Worker

__all__ = ["main", "problems", "refused"]


def main(answers: Path, paths: list[str]) -> None:
    """Import what standard input names."""
    sys.path[:0] = paths
    before = dict(os.environ)
    for asked in json.load(sys.stdin):
        os.environ.clear()
        os.environ.update(before | asked["environment"])
        found = list(problems(Path(asked["folder"])))
        with answers.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")


def problems(folder: Path) -> Iterator[str]:
    """What stands against the function in the folder, as its package has it: ``services.<folder>.handler``."""
    for name in [name for name in sys.modules if name.partition(".")[0] == folder.parent.name]:
        del sys.modules[name]
    try:
        module = importlib.import_module(f"{folder.parent.name}.{folder.name}.handler")
    except (Exception, SystemExit) as error:  # noqa: BLE001 (a module may raise anything)
        yield refused(folder / "handler.py", folder.parent, error)
        return
    yield from _entry(folder, module.__dict__)
    if (folder / "worker.yaml").exists():
        yield from _worker(folder, module.__dict__.get("worker"))


def refused(file: Path, services: Path, error: BaseException) -> str:
    """What is wrong with a module that cannot be imported: the place among the services that the error comes from, and
    its text.

    :param file: the place where no other is known.
    """
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        frames.append((error.filename or "", error.lineno))
        text = f"SyntaxError: {error.msg}"
    elif isinstance(error, FanoutError):
        text = str(error)
    else:
        text = f"cannot be imported: {type(error).__name__}: {error}"
    inside = [(name, line) for name, line in frames if Path(name).resolve().is_relative_to(services.resolve())]
    found, line = inside[-1] if inside else (str(file), 1)
    return f"{_short(services, found)}:{line}: {text}"


def _entry(folder: Path, module: Mapping[str, Any]) -> Iterator[str]:
    """Of Lambda's own entry."""
    place, handler = f"{folder}/handler.py", module.get("handler")
    fix = "write handler = worker.lambda_handler" if (folder / "worker.yaml").exists() else "write handler = serve(app)"
    if handler is None:
        yield f"{place}: has no `handler`, which Lambda calls; {fix}"
    elif not callable(handler):
        yield f"{place}: handler is a {type(handler).__name__}, which Lambda cannot call; {fix}"
    elif is_coroutine(handler):
        yield f"{_place(folder, handler)}: handler is asynchronous, which Lambda does not await; {fix}"
    elif not _takes(handler, 2):
        yield f"{_place(folder, handler)}: handler does not take the event and Lambda's context; {fix}"


def _worker(folder: Path, worker: object) -> Iterator[str]:
    if not isinstance(worker, Worker):
        yield f"{folder}/handler.py: has no `worker = Worker(__file__)`; declare it"
        return
    for event in worker.missing_handlers():
        yield f"{folder}/handler.py: subscribes to {event} but nothing handles it; add a @worker.handles function"
    handlers = worker.handlers
    for contract, handler in handlers.by_event.values():
        yield from _called_with(folder, handler, 2, f"the {contract.__name__} and its context")
        yield from _annotated(folder, handler, contract)
    if handlers.batch is not None:
        yield from _called_with(folder, handlers.batch, 1, "the batch's envelopes")
    for gatherer in handlers.gatherers.values():
        yield from _called_with(folder, gatherer.combine, 2, "the scattered event and the results", waits=False)
        if gatherer.on_failure is not None:
            yield from _called_with(folder, gatherer.on_failure, 2, "the scattered event and a part", waits=False)
    if worker.invoked is not None:
        yield from _called_with(folder, worker.invoked, 2, "the payload and Lambda's context")
    for step in worker.steps.values():
        yield from _called_with(folder, step, 1, "the payload")


def _called_with(
    folder: Path, handler: Callable[..., Any], count: int, what: str, *, waits: bool = True
) -> Iterator[str]:
    """Whether the core can call it.

    :param waits: the core awaits a coroutine function's result.
    """
    if not callable(handler):
        yield f"{folder}/handler.py: {handler!r} is no function; it is called with {what}"
    elif not _takes(handler, count):
        yield f"{_place(folder, handler)}: {_name(handler)} is called with {what}; let it take {count} arguments"
    elif not waits and is_coroutine(handler):
        yield f"{_place(folder, handler)}: {_name(handler)} is asynchronous, and is not awaited; write def"


def _annotated(folder: Path, handler: Callable[..., Any], contract: type) -> Iterator[str]:
    """Whether the first argument is said to be something that the event is not."""
    function = inspect.unwrap(handler)
    try:
        hints, names = get_type_hints(function), list(inspect.signature(function).parameters)
    except (NameError, TypeError, ValueError):
        return
    wanted = hints.get(names[0]) if names else None
    if isinstance(wanted, type) and not getattr(wanted, "_is_protocol", False) and not issubclass(contract, wanted):
        place, name = _place(folder, handler), _name(handler)
        yield f"{place}: {name} takes a {wanted.__name__}, and gets a {contract.__name__}; write {contract.__name__}"


def _takes(function: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # a builtin, which tells nothing
        return True
    return True


def _place(folder: Path, function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{_short(folder.parent, code.co_filename)}:{code.co_firstlineno}" if code else f"{folder}/handler.py"


def _short(services: Path, file: str) -> str:
    """The file as the services' folder is named."""
    path, root = Path(file).resolve(), services.resolve()
    return str(services / path.relative_to(root)) if path.is_relative_to(root) else file


def _name(function: Callable[..., Any]) -> str:
    return getattr(inspect.unwrap(function), "__name__", type(function).__name__)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
