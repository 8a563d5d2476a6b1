"""An emulator of our own: a small web server that is started, asked and stopped as the real ones are."""

import stat
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fanout_tools.emulators import lifecycle
from fanout_tools.emulators.model import HOST, Endpoints, Plan, Request, Server
from fanout_tools.emulators.ports import free_port

SERVER = textwrap.dedent("""
    import http.server, subprocess, sys

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def do_POST(self):
            open("reset", "w").write(self.path)
            self.send_response(200)
            self.end_headers()

    subprocess.Popen(["sleep", "600"])
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
""")


def server(port: int, source: str = SERVER, **changes: object) -> Server:
    """The small web server, or another program in its place."""
    fields: dict[str, object] = {
        "name": "server",
        "command": [sys.executable, "-c", source, str(port)],
        "environment": {"PATH": "/usr/bin:/bin"},
        "port": port,
        "health_path": "/health",
    }
    return Server(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def emulate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Put servers in the place of an emulator's, and stop whatever was started of them."""

    def put(name: str = "ministack", *sources: str) -> None:
        def plan(request: Request) -> Plan:
            url = f"http://{HOST}:{request.port}"
            ports = [request.port, *(free_port() for _ in sources[1:])]
            servers = [server(*pair) for pair in zip(ports, sources or [SERVER], strict=True)]
            return Plan(servers=servers, endpoints=Endpoints(url=url, dynamodb_url=url))

        monkeypatch.setitem(lifecycle.EMULATORS, name, plan)

    yield put
    lifecycle.down("ministack", run_dir=tmp_path)


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write an executable shell script into a directory of its own."""

    def write(name: str, script: str) -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return write
