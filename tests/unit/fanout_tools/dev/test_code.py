"""What has been saved, and whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from fanout_tools.dev.code import BrokenError, Changes, Code, Watcher
from fanout_tools.project import Project

ONE, ALL, NONE = Changes(frozenset({"stock"})), Changes(all=True), Changes()


@pytest.fixture
def watcher(project: Project) -> Watcher:
    return Watcher(project.services, project.contracts)


def touch(path: Path, text: str = "# saved\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + text, encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("devservices/stock/handler.py", ONE),
        ("devservices/stock/parts/more.py", ONE),
        ("devservices/stock/worker.yaml", ALL),
        ("devservices/new/worker.yaml", ALL),
        ("devservices/shared.py", ALL),
        ("devcontracts/orders.py", ALL),
        ("devservices/stock/test_handler.py", NONE),
        ("devservices/stock/notes.txt", NONE),
    ],
)
def test_whose_a_saved_file_is(project: Project, watcher: Watcher, file: str, expected: Changes) -> None:
    touch(project.root / file)
    assert watcher.changes() == expected
    assert not watcher.changes()


def test_a_file_that_is_gone_is_a_change(project: Project, watcher: Watcher) -> None:
    (project.services / "stock" / "handler.py").unlink()
    assert watcher.changes() == ONE


def test_contracts_that_cannot_be_imported_are_named_with_their_line(project: Project) -> None:
    touch(project.contracts / "orders.py", "\nraise ValueError('no')\n")
    with pytest.raises(BrokenError, match=r"devcontracts/orders\.py:\d+: cannot be imported: ValueError: no"):
        Code(project.services, project.contracts).load_contracts()


def test_a_module_without_a_worker_is_broken(project: Project) -> None:
    (project.services / "stock" / "handler.py").write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(BrokenError, match="has no `worker = Worker"):
        Code(project.services, project.contracts).load_worker(project.services / "stock")
