"""What a person reads while something long runs: a few plain lines; all else goes to a log.

deploying   resources 120 of 247, 31 s
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Log", "Resources", "say"]

QUARTERS = 4
SHOWN_OF_LOG = 15
"""Lines of the log that a failure shows."""


def say(phase: str, text: str) -> None:
    """One line, at once; the same on a terminal and in a pipe, and whole when others write theirs."""
    sys.stdout.write(f"{phase:11} {text}\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Log:
    """A file for what tools say, begun anew."""

    path: Path

    @classmethod
    def begin(cls, path: Path) -> "Log":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
        return cls(path)

    def write(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line.rstrip("\n") + "\n")

    def show_end(self) -> None:
        """The last lines, on standard error, and where the others are."""
        for line in self.end():
            print(f"  | {line}", file=sys.stderr)
        print(f"all of it: {self.path}", file=sys.stderr)

    def end(self) -> list[str]:
        """The last lines."""
        lines = [line for line in self.path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return lines[-SHOWN_OF_LOG:]


@dataclass
class Resources:
    """Counts the resources of ``terraform apply -json`` (or ``destroy``), from its lines."""

    log: Log
    total: int = 0
    """Known beforehand when a saved plan is applied; otherwise Terraform tells."""
    tell: Callable[[str, str], None] = say
    clock: Callable[[], float] = time.monotonic
    done: int = 0
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def __call__(self, line: str) -> None:
        """Take one line of Terraform's output."""
        event = _event(line)
        self.log.write(_readable(event) if event else line)
        if event.get("type") == "change_summary" and event["changes"].get("operation") == "plan":
            changes = event["changes"]
            self.total = changes["add"] + changes["change"] + changes["remove"]
            self._tell()
        elif event.get("type") == "apply_complete" and event["hook"]["action"] != "read":
            self._count()

    def _count(self) -> None:
        before, self.done = self._quarter(), self.done + 1
        if self._quarter() != before:
            self._tell()

    def _quarter(self) -> int:
        return self.done * QUARTERS // max(1, self.total)

    def _tell(self) -> None:
        self.tell("deploying", f"resources {self.done} of {self.total}, {self.clock() - self._began:.0f} s")


def _event(line: str) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _readable(event: Mapping[str, Any]) -> str:
    """Terraform's own words: the message, and all of what an error says."""
    diagnostic = event.get("diagnostic") or {}
    detail = (diagnostic.get("address"), diagnostic.get("detail"))
    return "\n".join([str(event.get("@message", "")), *(f"  {text}" for text in detail if text)])
