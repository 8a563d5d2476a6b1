"""A headless Chromium, driven by its own protocol over a WebSocket."""

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

__all__ = ["Page", "browser", "find"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_START_S = 60.0


def find() -> str | None:
    """Where a Chromium is, if there is one."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


class PageLeftError(RuntimeError):
    """The page went elsewhere before it had answered."""


class Page:
    """One open page.

    :ivar events: what the browser has told by itself, of the domains that were enabled.
    """

    def __init__(self, link: ClientConnection) -> None:
        self._link = link
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **parameters: Any) -> Any:
        """Ask the browser for something; its result.

        :raises PageLeftError: the page has gone elsewhere meanwhile.
        :raises RuntimeError: the browser refuses.
        """
        self._number += 1
        self._link.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while (answer := json.loads(self._link.recv(timeout=60))).get("id") != self._number:
            self.events.append(answer)
        if "error" in answer:
            left = answer["error"].get("message") == "Inspected target navigated or closed"
            raise (PageLeftError if left else RuntimeError)(f"{method}: {answer['error']}")
        return answer["result"]

    def run(self, script: str) -> Any:
        """What an expression is worth on the page, once it is settled.

        :raises RuntimeError: it throws.
        """
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def wait(self, script: str, within_s: float = 60.0) -> Any:
        """Wait until an expression is true, be it of the page that this one goes to; its value.

        :raises TimeoutError: it never was.
        """
        until = time.monotonic() + within_s
        while True:
            with contextlib.suppress(PageLeftError):
                if value := self.run(script):
                    return value
            if time.monotonic() > until:
                raise TimeoutError(f"never came to be so: {script}")
            time.sleep(0.02)


@contextmanager
def browser(path: str, address: str) -> Iterator[Page]:
    """A browser at this address."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        command += ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += ["--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with connect(_target(Path(profile) / "DevToolsActivePort"), max_size=None) as link:
                page = Page(link)
                page.call("Page.navigate", url=address)
                page.wait("document.readyState === 'complete' && location.href !== 'about:blank'")
                yield page
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def _target(told: Path) -> str:
    """Where the protocol of the first page is spoken."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        if told.exists() and (port := re.match(r"(\d+)\n", told.read_text())):
            with contextlib.suppress(httpx.HTTPError):
                for target in httpx.get(f"http://127.0.0.1:{port[1]}/json").json():
                    if target["type"] == "page":
                        return str(target["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise TimeoutError("the browser does not start")
