"""Apps on their servers, requests by real clients, and answers that can be compared."""

import contextlib
import gzip
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
SERVED = "tests.apps.served"
PATHS = os.pathsep.join([str(ROOT), str(ROOT / "router"), str(ROOT / "shared"), str(ROOT / "services")])
HOST = "shop.example"

_OF_A_CONNECTION = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "trailer", "transfer-encoding"}
)
"""Fields that a server says for itself; a length is compared by the body."""
_DRAWN = re.compile(
    r"""(?<=csrftoken=)\w+|(?<=sessionid=)\w+|(?<=csrfmiddlewaretoken" value=")\w+|(?<=session=)[\w.-]+"""
    r"""|\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"""
)
"""What apps draw at random or take from the clock."""


@dataclass(frozen=True)
class Ask:
    """A request."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """What counts of a response."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def of(cls, status: int, fields: Sequence[tuple[str, str]], body: bytes) -> "Answer":
        """Without what servers say for themselves, and apps draw; gzip holds the time, and Django adds some bytes."""
        body = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        kept = ((name.lower(), _steady(value)) for name, value in fields if name.lower() not in _OF_A_CONNECTION)
        return cls(status, tuple(sorted(kept)), _steady(body.decode("latin-1")).encode("latin-1"))


def _steady(text: str) -> str:
    return _DRAWN.sub("*", text)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def served(command: Sequence[str], port: int, environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """A server, once it answers; its address."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "PYTHONPATH": PATHS, "PYTHONHASHSEED": "0", **environment},
        )  # fmt: skip
        try:
            _await_answer(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


def _await_answer(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 50
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/", headers={"host": HOST}, timeout=20).status_code < 502:
                return
        if process.poll() is not None or time.monotonic() > until:
            pytest.fail(f"{process.args!r} does not serve:\n{log.read_text()}")
        time.sleep(0.05)


@dataclass(frozen=True)
class Pair:
    """One app, on the router and on its usual server."""

    router: str
    usual: str


@contextmanager
def pair(python: Path, name: str, usual: Sequence[str], folder: Path, **environment: str) -> Iterator[Pair]:
    """Start both; ``usual`` is a command in which ``{port}`` stands for the port.

    :param name: ``module:app`` for the router.
    """
    with ExitStack() as stack:
        port = free_port()
        command = [each.format(port=port) for each in usual]
        theirs = stack.enter_context(served(command, port, environment, folder / "usual.log"))
        ours = stack.enter_context(routed(python, name, folder, **environment))
        yield Pair(ours, theirs)


@contextmanager
def routed(python: Path, name: str, folder: Path, **environment: str) -> Iterator[str]:
    """One app on the router; its address."""
    port = free_port()
    command = [str(python), "-m", "fanout_router", "run", name, "--port", str(port), "--admin-port", "0"]
    with served([*command, "--processes", "1"], port, environment, folder / "router.log") as address:
        yield address


def by_httpx(address: str, ask: Ask) -> Answer:
    """Ask by httpx, as it is; nothing is decoded."""
    with httpx.Client(base_url=address, timeout=30) as client:
        headers = {"host": HOST, **ask.headers}
        with client.stream(ask.method, ask.path, headers=headers, content=ask.body or None) as answer:
            return Answer.of(answer.status_code, answer.headers.multi_items(), b"".join(answer.iter_raw()))


def by_curl(address: str, ask: Ask, *options: str) -> Answer:
    """Ask by curl."""
    command = ["curl", "-sS", "-i", "--suppress-connect-headers", "--max-time", "30", *options, f"{address}{ask.path}"]
    command += ["-I"] if ask.method == "HEAD" else ["-X", ask.method]
    for name, value in {"host": HOST, "user-agent": "test", "content-type": "", **ask.headers}.items():
        command += ["-H", f"{name}: {value}" if value else f"{name}:"]
    command += ["--data-binary", "@-"] if ask.body else []
    out = subprocess.run(command, input=ask.body, capture_output=True, check=True).stdout
    head, _, body = out.partition(b"\r\n\r\n")
    while head.split(b" ", 2)[1].startswith(b"1"):  # interim answers
        head, _, body = body.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
    return Answer.of(int(lines[0].split()[1]), fields, body)


def differing(ours: Answer, theirs: Answer) -> str:
    """Where two answers differ, shortly; nothing when they do not."""
    if ours.status != theirs.status:
        return f"status {ours.status} and {theirs.status}: {ours.body[:300]!r}"
    if ours.fields != theirs.fields:
        return f"fields {set(ours.fields) - set(theirs.fields)} and {set(theirs.fields) - set(ours.fields)}"
    if ours.body != theirs.body:
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(ours.body, theirs.body, strict=False))
        at = sum(1 for _ in alike)
        return f"bodies from {at}: {ours.body[at : at + 100]!r} and {theirs.body[at : at + 100]!r}"
    return ""


def needs_curl() -> None:
    """Skip where there is no curl."""
    if shutil.which("curl") is None:
        pytest.skip("needs the package curl")


def uvicorn(python: Path, name: str) -> list[str]:
    """The usual server of ASGI."""
    return [str(python), "-m", "uvicorn", name, "--port", "{port}", "--log-level", "warning"]


def gunicorn(python: Path, name: str) -> list[str]:
    """The usual server of WSGI."""
    return [str(python), "-m", "gunicorn", name, "-b", "127.0.0.1:{port}", "-k", "gthread", "--threads", "4"]
