"""``fanout dev`` on the shop: how soon it is up, how soon saved code runs, what it takes; and whether events come to
the same as on a deployment.

    python -m scripts.bench.dev                  # and on both emulators
    python -m scripts.bench.dev ministack        # and on one
    python -m scripts.bench.dev none             # the command alone
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

from fanout import aws
from fanout_tools import emulators
from scripts.bench.support import Row, format_table, write_results
from scripts.dev.compare import disagreements
from scripts.paths import BUILD, REPOSITORY
from tests.integration.platform import Platform, tested_workers

EMULATORS = ("ministack", "localstack")
ROUNDS = 5
PATIENCE_S = 60.0
BETWEEN_S = 0.05
"""Between two events, of which the first that new code handles ends the measurement."""
WORKER, EVENT = "loyalty", "shop.billing/InvoiceIssued"


@dataclass
class Running:
    """The command, and what it has printed."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    """When each line came, in monotonic seconds."""

    def __post_init__(self) -> None:
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.times.append(time.monotonic())
            self.lines.append(line)

    def wait(self, text: str, meanwhile: Callable[[], object] = lambda: None) -> str:
        """The first line that has the text.

        :raises RuntimeError: there is none.
        """
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and self.process.poll() is None:
            if found := next((line for line in list(self.lines) if text in line), None):
                return found
            meanwhile()
            time.sleep(0.01)
        raise RuntimeError(f"no line with {text!r} in:\n{''.join(self.lines)}")

    @property
    def rss_mb(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024


@contextmanager
def running(root: Path) -> Iterator[Running]:
    """``fanout dev`` in this folder."""
    path = os.pathsep.join(str(REPOSITORY / each) for each in ("shared", "router", "."))
    command = [sys.executable, "-u", "-m", "fanout_tools.cli", "dev", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    try:
        yield Running(process)
    finally:
        process.terminate()
        process.wait(30)


def stage(root: Path) -> Path:
    """A copy of the shop, whose code may be changed."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for name in ("pyproject.toml", "shared"):
        (root / name).symlink_to(REPOSITORY / name)
    shutil.copytree(REPOSITORY / "services", root / "services", ignore=shutil.ignore_patterns("__pycache__"))
    return root


def command_figures(root: Path) -> dict[str, float]:
    """Start, save to run, memory: medians."""
    starts, saves, memory = list[float](), list[float](), list[float]()
    for number in range(ROUNDS):
        began = time.monotonic()
        with running(root) as it:
            line = it.wait("Send events: ")
            starts.append(time.monotonic() - began)
            saves.append(saved(root, it, line.split()[-1], f"round {number}"))
            memory.append(it.rss_mb)
    return {
        "start_s": round(statistics.median(starts), 2),
        "save_to_run_s": round(statistics.median(saves), 2),
        "memory_mb": round(statistics.median(memory)),
    }


def saved(root: Path, it: Running, url: str, mark: str) -> float:
    """Seconds from a save until an event has been handled by what was saved."""
    handler = root / "services" / WORKER / "handler.py"
    code = (REPOSITORY / "services" / WORKER / "handler.py").read_text(encoding="utf-8")
    with httpx.Client(follow_redirects=True) as browser:
        browser.get(url)
        page = browser.get(httpx.URL(url).join(f"/send?event={EVENT}")).text
        token = re.search(
            r'action="/send" class="stacked"><input type="hidden" name="form_token" value="([^"]+)"', page
        )
        assert token

        def send() -> None:
            data: dict[str, Any] = {"form_token": token[1], "event": EVENT, "of": "", "data": INVOICE}
            browser.post(httpx.URL(url).join("/send"), data=data, follow_redirects=False)
            time.sleep(BETWEEN_S)

        began = time.monotonic()
        handler.write_text(f"{code}\nimport logging\n{RAISES.format(mark=mark)}", encoding="utf-8")
        it.wait(f"saved in {mark}", meanwhile=send)
        return time.monotonic() - began


INVOICE = (
    '{"invoice_id": "inv-1", "order_id": "o-1", "customer_id": "c-1", "total": {"amount": "99", "currency": "USD"}}'
)
RAISES = """
former = worker.handlers.by_event["shop.billing/InvoiceIssued"]


def logging_first(event, context):
    logging.getLogger(__name__).info("saved in {mark}")
    return former[1](event, context)


worker.handlers.by_event["shop.billing/InvoiceIssued"] = (former[0], logging_first)
"""


def compared(emulator: str) -> list[Row]:
    """A row for each scenario."""
    work_dir = BUILD / "dev" / emulator
    shutil.rmtree(work_dir, ignore_errors=True)
    work_dir.mkdir(parents=True)
    with emulators.running(emulator, run_dir=work_dir / "emulator") as endpoints:
        os.environ.update(endpoints.environment())
        aws.forget_clients()
        platform = Platform.deploy(work_dir, emulator, tested_workers(emulator))
        return [
            {"emulator": emulator, "scenario": name, "differs": why or "nothing"}
            for name, why in disagreements(platform)
        ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.dev", description=__doc__)
    parser.add_argument("emulator", nargs="?", choices=(*EMULATORS, "none"))
    given = parser.parse_args(argv)
    chosen = EMULATORS if given.emulator is None else tuple(it for it in EMULATORS if it == given.emulator)
    figures = command_figures(stage(BUILD / "dev" / "shop"))
    rows = [row for emulator in chosen for row in compared(emulator)]
    differing = [row for row in rows if row["differs"] != "nothing"]
    figures |= {"scenarios": len(rows), "disagreements": len(differing)}
    if rows:
        print(format_table(rows))
    print("\n".join(f"{name}: {value:,}" for name, value in figures.items()))
    print(write_results("dev", rows, figures))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
