"""A page of docs/ whose console blocks are run: what each command prints has to be what the page shows of it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.platform import NAMESPACE, Platform, eventually

__all__ = ["Command", "Diff", "Play", "script"]

BLOCK = re.compile(r"^```(console|diff)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LOOKS = re.compile(r"fanout (status|dlq (group|ls|show)|logs|compare|trace|why|operations ls)\b")
"""These are repeated until they print what the page shows: numbers take their time."""
STUCK = 4
"""The exit status of a command that has found what waits for a person."""
VARIES = (
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<id>"),
    (r"\b\d{6}-\d{6}-(\w+)-[0-9a-f]{4}\b", r"<\1>"),
    (r"\d{4}-\d\d-\d\d[T ][\d:.]+\S*|\d\d \w{3} \d\d:\d\d:\d\d|\b\d\d:\d\d:\d\d(\.\d+)?\b", "<time>"),
    (r"\+?\b[\d.]+ (ms|s)\b", "<duration>"),
    (r"arn:aws:\S+", "<arn>"),
    (r"\b\d+\.\d+\b", "<figure>"),
    (r"\b20\d\b", "200"),  # a slow worker may reject an event twice
    (r"\b\d+ times\b", "<number> times"),  # an emulator's log lacks lines of environments that it has replaced
    (r"^([0-9a-f]{6}|GROUP)(?=\s)", "<group>"),
    (r"^[├└]─", "├─"),  # the tests' own workers are told of, too
    (r"[ \t▁▂▃▄▅▆▇█]+", " "),
)
"""What differs from play to play."""


@dataclass(frozen=True)
class Command:
    """A line that the reader types, and what the page shows of its answer."""

    text: str
    shown: tuple[str, ...]


@dataclass(frozen=True)
class Diff:
    """A change of the worker's code."""

    old: str
    new: str


def script(page: Path) -> Iterator[Command | Diff]:
    """The page's blocks, in order."""
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "diff":
            yield _diff(text.splitlines(keepends=True))
            continue
        for typed in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, *shown = typed.splitlines()
            yield Command(command, tuple(line for line in shown if line.strip(" .")))


def _diff(lines: list[str]) -> Diff:
    old = "".join(line[1:] for line in lines if line[0] in " -")
    return Diff(old, "".join(line[1:] for line in lines if line[0] in " +"))


def _is_shown(line: str, printed: set[str]) -> bool:
    """Whether it was printed; a line that ends with dots is a line's beginning."""
    if line.endswith("..."):
        return any(it.startswith(line.removesuffix("...").strip()) for it in printed)
    return line in printed


@dataclass
class Play:
    """One reader, at a deployment that has another namespace than the page's.

    :ivar worker: whose code the diffs change.
    """

    platform: Platform
    worker: str
    words: dict[str, str] = field(default_factory=dict)
    """What the reader puts in for a word in capitals."""
    _diffs: list[Diff] = field(default_factory=list)
    _changed: bool = False

    def run(self, step: Command | Diff) -> str:
        """Do it; returns what it printed.

        :raises AssertionError: a command fails, or does not print what the page shows.
        """
        if isinstance(step, Diff):
            self._diffs.append(step)
            return ""
        own = {"fanout deploy": self.deploy, f"git restore services/{self.worker}/handler.py": self.restore}
        if step.text in own:
            own[step.text]()
            return ""
        if LOOKS.match(step.text):
            printed, _ = eventually(lambda: self.typed(step.text), lambda it: self._is_right(step, *it), step.text)
        else:
            printed, status = self.typed(step.text)
            assert self._is_right(step, printed, status), f"{status}: {printed}"
        self._learn(printed)
        return printed

    def deploy(self) -> None:
        """The worker with the page's changes, or without them if it has them."""
        for diff in self._diffs:
            self.platform.change(self.worker, diff.old, diff.new, deploy=diff is self._diffs[-1])
        self._changed = not self._changed
        self._diffs = [Diff(diff.new, diff.old) for diff in self._diffs]  # what a restore takes back

    def restore(self) -> None:
        """The next deployment takes the changes back."""

    def end(self) -> None:
        """Take the changes back if the page did not get there."""
        if self._changed:
            self.deploy()

    def _is_right(self, step: Command, printed: str, status: int) -> bool:
        """Whether it ended well, or found what is stuck, and printed what the page shows."""
        return status in (0, STUCK) and not self.missing(step, printed)

    def typed(self, command: str) -> tuple[str, int]:
        """What a shell prints of it, errors too, and its exit status."""
        for word, value in self.words.items():
            command = re.sub(rf"\b{word}\b", value, command)
        fanout = shlex.join([sys.executable, "-c", "from fanout_tools.cli import main; main()"])
        said = f'set -o pipefail\nfanout() {{ {fanout} "$@"; }}\n{command}'
        environment = {"FANOUT_NAMESPACE": NAMESPACE, "FANOUT_SERVICES": str(self.platform.services)}
        done = subprocess.run(
            ["bash", "-c", said],
            cwd=self.platform.services.parent, env=os.environ | environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr, done.returncode

    def missing(self, step: Command, printed: str) -> list[str]:
        """The lines that the page shows and that are not there."""
        there = {self._plain(line) for line in printed.splitlines()}
        return [line for line in step.shown if not _is_shown(self._plain(line), there)]

    def _plain(self, line: str) -> str:
        line = line.replace(NAMESPACE, "fanout-local")
        for word, value in self.words.items():
            line = line.replace(value, word)
        for pattern, stands_for in VARIES:
            line = re.sub(pattern, stands_for, line)
        return line.strip()

    def _learn(self, printed: str) -> None:
        """The ids that later commands need."""
        rows = [line.split("\t") for line in printed.splitlines() if "\t" in line]
        if len(rows) > 1:
            first = dict(zip(rows[0], rows[1], strict=True))
            self.words |= {
                word: first[key] for word, key in (("GROUP", "group"), ("EVENT", "event_id")) if key in first
            }
