"""The project's code: imported as Lambda imports it, watched, and imported anew when a file has been saved."""

from __future__ import annotations

import importlib
import linecache
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from fanout.errors import FanoutError
from fanout.events import event
from fanout.worker import Worker
from fanout_tools.handlers.probe import refused

__all__ = ["BrokenError", "Changes", "Code", "Watcher"]

DECLARATIONS = ("worker.yaml", "web.yaml")


class BrokenError(FanoutError):
    """A function's code cannot be imported, or is no worker; the text has file and line."""


@dataclass
class Code:
    """
    :param services: the folder of the workers' folders; its name is the package's.
    :param contracts: the package of the events' contracts.
    """

    services: Path
    contracts: Path

    def __post_init__(self) -> None:
        self.services, self.contracts = self.services.resolve(), self.contracts.resolve()
        for parent in dict.fromkeys((str(self.services.parent), str(self.contracts.parent))):
            if parent not in sys.path:
                sys.path.insert(0, parent)

    def load_contracts(self) -> None:
        """Import the contracts anew.

        :raises BrokenError: they cannot be imported.
        """
        name = self.contracts.name
        _forget(name)
        event.forget_contracts(name)
        try:
            with _without_bytecode():
                event.load_contracts(name)
        except (Exception, SystemExit) as error:
            raise BrokenError(refused(self.contracts / "__init__.py", self.contracts, error)) from error

    def load_worker(self, folder: Path) -> Worker:
        """Import a worker's module anew.

        :raises BrokenError: it cannot be imported, or has no ``worker``.
        """
        handler, module = self._imported(folder)
        found = module.__dict__.get("worker")
        if not isinstance(found, Worker):
            raise BrokenError(f"{handler}: has no `worker = Worker(__file__)`; declare it")
        if missing := found.missing_handlers():
            raise BrokenError(f"{handler}: subscribes to {missing[0]} but nothing handles it")
        return found

    def load_handler(self, folder: Path) -> Any:
        """Import a web function's module anew; its ``handler``.

        :raises BrokenError: it cannot be imported, or has none.
        """
        file, module = self._imported(folder)
        handler = module.__dict__.get("handler")
        if not callable(handler):
            raise BrokenError(f"{file}: has no `handler = serve(app)`; declare it")
        return handler

    def _imported(self, folder: Path) -> tuple[Path, ModuleType]:
        package = f"{self.services.name}.{folder.name}"
        _forget(package)
        handler = self.services / folder.name / "handler.py"
        try:
            with _without_bytecode():
                return handler, importlib.import_module(f"{package}.handler")
        except (Exception, SystemExit) as error:
            raise BrokenError(refused(handler, self.services, error)) from error

    def forget_workers(self) -> None:
        """Import what workers share anew with the next of them."""
        _forget(self.services.name)


@contextmanager
def _without_bytecode() -> Iterator[None]:
    """A file that is saved twice within a second, and stays as long, would be taken for the one before."""
    former, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = former


def _forget(package: str) -> None:
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    linecache.checkcache()


@dataclass(frozen=True)
class Changes:
    """What has been saved.

    :ivar workers: the folders of functions of which nothing but code has changed.
    :ivar all: contracts, a declaration, or what no one worker owns.
    """

    workers: frozenset[str] = frozenset()
    all: bool = False

    def __bool__(self) -> bool:
        return self.all or bool(self.workers)


@dataclass
class Watcher:
    """Looks for files that have been saved: by their times, which each file system has, and editors that replace a file
    change too."""

    services: Path
    contracts: Path
    _known: Mapping[Path, tuple[int, int]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.services, self.contracts = self.services.resolve(), self.contracts.resolve()
        self._known = dict(self._look())

    def changes(self) -> Changes:
        """Since this was asked last."""
        now = dict(self._look())
        known, self._known = self._known, now
        changed = {path for path in known.keys() | now.keys() if known.get(path) != now.get(path)}
        owners = {self._owner(path) for path in changed}
        return Changes(frozenset(each for each in owners if each), all=None in owners)

    def _owner(self, path: Path) -> str | None:
        """The folder of the worker whose code it is; None: it is more than that."""
        if path.suffix != ".py" or not path.is_relative_to(self.services):
            return None
        folder, *rest = path.relative_to(self.services).parts
        return folder if rest and any((self.services / folder / name).exists() for name in DECLARATIONS) else None

    def _look(self) -> Iterator[tuple[Path, tuple[int, int]]]:
        for root, kinds in ((self.services, ("*.py", "*.yaml")), (self.contracts, ("*.py",))):
            for kind in kinds:
                for path in root.rglob(kind):
                    if not path.name.startswith(("test_", "conftest.", ".")):
                        try:
                            told = path.stat()
                        except FileNotFoundError:  # an editor is replacing it
                            continue
                        yield path, (told.st_mtime_ns, told.st_size)
