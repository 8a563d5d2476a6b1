"""Mutants of the core that nobody chose: each condition, retry and recovery of its modules taken out, one at a time."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.paths import REPOSITORY
from scripts.reliability.mutants import ANY, red_with

__all__ = ["MODULES", "Edit", "edits", "noticed_by", "sample"]

MODULES = (
    "processing/locks.py",
    "processing/settlement.py",
    "processing/batch.py",
    "idempotency/dynamodb.py",
    "idempotency/calls.py",
)
"""Under shared/fanout."""


@dataclass(frozen=True)
class Edit:
    """One place of a module that is replaced."""

    file: str
    """Under shared/fanout."""
    function: str
    what: str
    """What is done, and the text that it is done to."""
    start: int
    end: int
    """Of the text that is replaced, in characters of the file."""
    new: str

    def __str__(self) -> str:
        return f"{self.file}: {self.function}: {self.what}"

    def apply(self, source: str) -> str:
        return source[: self.start] + self.new + source[self.end :]


def edits(file: str) -> Iterator[Edit]:
    """Every edit of a module."""
    source = (REPOSITORY / "shared" / "fanout" / file).read_text()
    reader = _Reader(file, source)
    reader.visit(ast.parse(source))
    yield from reader.found


def sample(count: int) -> list[Edit]:
    """Some edits, the same as long as the modules are; those of a smaller count come first in those of a greater."""
    every = {str(edit): edit for module in MODULES for edit in edits(module)}
    return [every[name] for name in sorted(every, key=lambda name: hashlib.sha256(name.encode()).digest())[:count]]


def noticed_by(edit: Edit) -> str | None:
    """The cell that is red after the edit; None if all stay green."""
    source = (REPOSITORY / "shared" / "fanout" / edit.file).read_text()
    return red_with(edit.file, edit.apply(source), ANY)


class _Reader(ast.NodeVisitor):
    def __init__(self, file: str, source: str) -> None:
        self.found: list[Edit] = []
        self._file, self._source, self._function = file, source, ""
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def _at(self, line: int, column: int) -> int:
        begin = self._lines[line - 1]
        text = self._source[begin : self._lines[line]]
        return begin + len(text.encode()[:column].decode())  # ast counts columns in bytes

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._at(node.lineno, node.col_offset), self._at(node.end_lineno, node.end_col_offset)

    def _add(self, what: str, node: ast.expr | ast.stmt, new: str) -> None:
        start, end = self._span(node)
        text = " ".join(self._source[start:end].split())
        self.found.append(Edit(self._file, self._function, f"{what} `{text}`", start, end, new))

    def _invert(self, test: ast.expr) -> None:
        start, end = self._span(test)
        self._add("inverted", test, f"not ({self._source[start:end]})")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name.startswith("_log_"):
            return
        before, self._function = self._function, node.name
        self.generic_visit(node)
        self._function = before

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" not in ast.dump(node.test):
            self._invert(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._invert(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._add("never repeated", node.test, f"({self._text(node.test)}) and False")
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._add("held always", test, "True")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        neutral = "True" if isinstance(node.op, ast.And) else "False"
        for value in node.values:
            self._add("left out", value, neutral)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        first, last = node.body[0], node.body[-1]
        start, end = self._span(first)[0], self._span(last)[1]
        caught = "" if node.type is None else self._text(node.type)
        self.found.append(Edit(self._file, self._function, f"raised on: except `{caught}`", start, end, "raise"))
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        """A call for its effect alone; not what is told to the log."""
        if isinstance(node.value, ast.Call) and not self._text(node.value.func).startswith("log."):
            self._add("left out", node, "pass")
        self.generic_visit(node)

    def _text(self, node: ast.expr) -> str:
        start, end = self._span(node)
        return self._source[start:end]
