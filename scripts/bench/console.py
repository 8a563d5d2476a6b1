"""The console at 500 workers, in Chromium: first paint, complete page, bytes, axe, and 50 who watch at once.

AWS is a process that answers in its shapes after 15 ms; the console is the command, as a person starts it. Exit code 1
where a budget is missed: first paint 300 ms, complete 2 s, 150 KB on the first visit, no violation.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from fanout_tools.console.access import Role
from fanout_tools.console.app import ENTRIES
from scripts.bench.operate import WORKERS, project_in, stand_in
from scripts.bench.support import format_table, write_results
from tests.apps import chromium
from tests.apps.chromium import Page
from tests.console.served import violations

ROUNDS = 5
VIEWERS = 50
LOOKS = 4
"""Of each viewer."""
FIRST_PAINT_MS, COMPLETE_S, FIRST_VISIT_KB = 300.0, 2.0, 150.0

COMPLETE = f"document.querySelectorAll('#live tbody tr').length === {WORKERS} && performance.now()"
PAINT = "(performance.getEntriesByName('first-contentful-paint')[0] || {}).startTime"


@contextmanager
def console(folder: Path, url: str) -> Iterator[str]:
    """The command's URL, with its token; a process of its own, so that nobody has looked yet."""
    paths = [str(Path(it).resolve()) for it in ("shared", "router")]
    env = {
        **os.environ,
        **{f"AWS_ENDPOINT_URL_{service}": url for service in ("SQS", "CLOUDWATCH", "LAMBDA", "STS")},
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    command = [sys.executable, "-m", "fanout_tools.cli", "console", "--port", "0", "--env", "prod"]
    command += ["--namespace", "bench"]
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().rpartition(": ")[2].strip()
        finally:
            process.terminate()


def visit(page: Page, url: str) -> dict[str, Any]:
    """The first visit: an empty cache, and a console that has not looked yet."""
    page.call("Network.enable")
    page.call("Network.clearBrowserCache")
    page.events.clear()
    page.call("Page.navigate", url=url)
    complete_ms = page.wait(f"location.href !== 'about:blank' && {COMPLETE}")
    paint_ms = page.wait(PAINT)
    page.run("new Promise((done) => setTimeout(done, 200))")  # the last bytes are told a moment later
    sent = [it["params"]["encodedDataLength"] for it in page.events if it.get("method") == "Network.loadingFinished"]
    return {
        "what": "the first visit",
        "first paint ms": round(paint_ms, 1),
        "complete s": round(complete_ms / 1000, 3),
        "KB": round(sum(sent) / 1000, 1),
    }


async def watched(url: str) -> dict[str, Any]:
    """So many browsers that ask again and again, each as fast as it is answered."""
    token = httpx.URL(url)
    base = f"http://{urlsplit(url).netloc}"
    took: list[float] = []
    unused = ssl.create_default_context()  # or each client would make one, which takes longer than the looks

    async def viewer() -> None:
        async with httpx.AsyncClient(base_url=base, timeout=60, follow_redirects=True, verify=unused) as client:
            await client.get(token)
            for _ in range(LOOKS):
                began = time.perf_counter()
                answer = await client.get("/", headers={"hx-request": "true"})
                took.append((time.perf_counter() - began) * 1000)
                assert answer.text.count("<tr>") == WORKERS + 1, answer.status_code

    began = time.perf_counter()
    await asyncio.gather(*(viewer() for _ in range(VIEWERS)))
    seconds = time.perf_counter() - began
    async with httpx.AsyncClient(follow_redirects=True) as client:
        calls = (await client.get(url)).headers["fanout-calls"]
    return {
        "what": f"{VIEWERS} viewers, {LOOKS} looks each",
        "s": round(seconds, 2),
        "median ms": round(statistics.median(took), 1),
        "slowest ms": round(max(took), 1),
        "calls to AWS": int(calls),
    }


def main() -> int:
    """Run it; returns the exit code."""
    path = chromium.find()
    if path is None:
        print("needs Chromium: apt-get install chromium", file=sys.stderr)
        return 1
    with stand_in() as aws, tempfile.TemporaryDirectory() as folder:
        project_in(Path(folder))
        visits: list[dict[str, Any]] = []
        found: list[str] = []
        for number in range(ROUNDS):
            with console(Path(folder), aws) as url, chromium.browser(path, "about:blank#") as page:
                visits.append(visit(page, url))
                found += violations(page) if number == 0 else []
        with console(Path(folder), aws) as url:
            viewers = asyncio.run(watched(url))
    return report(visits, viewers, found)


def report(visits: list[dict[str, Any]], viewers: dict[str, Any], found: list[str]) -> int:
    """Print and keep it; returns the exit code."""
    figures = {
        "first_paint_ms": statistics.median(it["first paint ms"] for it in visits),
        "complete_500_s": statistics.median(it["complete s"] for it in visits),
        "first_visit_kb": max(it["KB"] for it in visits),
        "axe_violations": len(found),
        "routes": len(ENTRIES),
        "roles": len(Role),
        "viewers_50_median_ms": viewers["median ms"],
        "viewers_50_slowest_ms": viewers["slowest ms"],
        "viewers_50_calls": viewers["calls to AWS"],
    }
    for violation in found:
        print(violation)
    print(format_table(visits))
    print(format_table([viewers]))
    print(write_results("console", [*visits, viewers], figures))
    kept = (
        figures["first_paint_ms"] < FIRST_PAINT_MS,
        figures["complete_500_s"] < COMPLETE_S,
        figures["first_visit_kb"] < FIRST_VISIT_KB,
        not found,
        figures["viewers_50_calls"] < 2 * 2 * WORKERS + 100,
    )
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
