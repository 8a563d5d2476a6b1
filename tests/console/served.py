"""A console in memory on a real socket, and what a browser is asked on it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn

from fanout_tools.console.app import make
from fanout_tools.console.console import Console
from fanout_tools.console.serve import HOST, listening
from scripts import vendor
from tests.apps.chromium import Page

__all__ = ["AXE_TAGS", "foreign", "go", "served", "shape", "violations"]

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SETTLED = """
document.readyState === 'complete' && !document.querySelector('.looking') && !document.querySelector('.htmx-request')
"""


@contextmanager
def served(made: Callable[[str], Console]) -> Iterator[tuple[Console, str]]:
    """A console, and its URL without the token.

    :param made: makes it for a host.
    """
    with listening(0) as own:
        host = f"{HOST}:{own.getsockname()[1]}"
        console = made(host)
        config = uvicorn.Config(make(console), log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [own]}, daemon=True)
        thread.start()
        try:
            yield console, f"http://{host}"
        finally:
            server.should_exit = True
            thread.join(30)


def go(page: Page, url: str) -> None:
    """Go there, and wait until the page has all that it asks for."""
    page.call("Page.navigate", url=url)
    page.wait(f"location.href.split('#')[0] === {json.dumps(url)} && {SETTLED}")


def shape(page: Page, *, width: int = 1280, height: int = 800, dark: bool = False) -> None:
    """Of the window, and what the person prefers."""
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.call("Emulation.setEmulatedMedia", features=[scheme])


def violations(page: Page) -> list[str]:
    """What axe finds: a rule and a place each."""
    page.run(vendor.axe().read_text(encoding="utf-8") + "; true")
    options = json.dumps({"runOnly": {"type": "tag", "values": AXE_TAGS}})
    found: list[Mapping[str, Any]] = page.run(f"axe.run(document, {options}).then((told) => told.violations)")
    return [f"{it['id']}: {node['html'][:120]}: {node.get('failureSummary')}" for it in found for node in it["nodes"]]


def foreign(page: Page, url: str) -> list[str]:
    """What the page has asked of others than its own console, and what its policy has refused."""
    page.run("true")
    asked = [it["params"]["request"]["url"] for it in page.events if it.get("method") == "Network.requestWillBeSent"]
    logged = [it["params"]["entry"] for it in page.events if it.get("method") == "Log.entryAdded"]
    thrown = [it["params"] for it in page.events if it.get("method") == "Runtime.exceptionThrown"]
    wrong = [it for it in asked if not it.startswith((f"{url}/", "data:", "about:"))]
    wrong += [f"{it['source']}: {it['text']} {it.get('url', '')}" for it in logged if it["level"] == "error"]
    return [*wrong, *(json.dumps(it)[:500] for it in thrown)]
