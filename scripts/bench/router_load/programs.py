"""The programs that are measured, each on one core, and the upstream that the plain proxies stand before."""

import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.bench.router_load.apps import SIZES

ROUTER_CORE, OTHER_CORE = 0, 1
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Program:
    """A running program: where it listens, and whose CPU time counts."""

    name: str
    port: int
    pid: int
    adapter_pid: int = 0
    h2_port: int = 0
    """Where it speaks HTTP/2, by prior knowledge; 0: nowhere."""
    workers: tuple[int, ...] = ()
    """Its further processes, whose CPU time counts too."""

    @property
    def pids(self) -> tuple[int, ...]:
        """All processes whose CPU time counts."""
        return (self.pid, *self.workers)

    def url(self, path: str, *, h2: bool = False) -> str:
        """A URL on it."""
        return f"http://127.0.0.1:{self.h2_port if h2 else self.port}/{path}"


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def missing() -> dict[str, str]:
    """Programs that are not here, with what to install for each."""
    commands = {"haproxy": "haproxy", "nginx": "nginx", "nghttpx": "nghttp2-proxy", "h2load": "nghttp2-client"}
    commands["wrk"] = "wrk"
    found = {name: f"the Debian package {package}" for name, package in commands.items() if _which(name) is None}
    if any(importlib.util.find_spec(name) is None for name in ("uvicorn", "httpx")):
        found["uvicorn"] = "the Python packages uvicorn and httpx"
    return found


def _which(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


@contextmanager
def process(name: str, command: list[str], port: int, core: int, **environment: str) -> Iterator[Program]:
    """Run a command on a core until the end of the block; it is up when its port answers."""
    child = subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        cwd=ROOT,
        env={**os.environ, **_python_path(ROOT / "router"), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(lambda: _answers(port), name)
        yield Program(name, port, child.pid)
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _python_path(router: Path) -> dict[str, str]:
    return {"PYTHONPATH": f"{ROOT}{os.pathsep}{router}"}


def _wait_for(check: Callable[[], bool], name: str, within_s: float = 30.0) -> None:
    until = time.monotonic() + within_s
    while not check():
        if time.monotonic() > until:
            raise RuntimeError(f"{name} did not come up within {within_s:g} s")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def upstream(folder: Path) -> Iterator[Program]:
    """nginx with static files, on the other core."""
    for name, size in SIZES.items():
        (folder / name).write_bytes(b"x" * size)
    port = free_port()
    rule = f"root {folder}; error_page 405 =200 $uri;"  # static files know no POST: it gets the file all the same
    with process("upstream", _nginx(folder / "upstream.conf", rule, port), port, OTHER_CORE) as found:
        yield found


def _nginx(path: Path, rule: str, port: int, extra: str = "", h2_port: int = 0) -> list[str]:
    also = f"listen 127.0.0.1:{h2_port} http2 backlog=2048;" if h2_port else ""
    path.write_text(
        f"""daemon off; master_process off; pid {path}.pid; error_log stderr crit;
events {{ worker_connections 2048; }}
http {{
  access_log off; keepalive_requests 1000000000; open_file_cache max=100; sendfile on; tcp_nopush on;
  client_body_temp_path {path}.body; proxy_temp_path {path}.proxy; fastcgi_temp_path {path}.f;
  uwsgi_temp_path {path}.u; scgi_temp_path {path}.s;
  {extra}
  server {{ listen 127.0.0.1:{port} backlog=2048; {also} location / {{ {rule} }} }}
}}
"""
    )
    return [_which("nginx") or "nginx", "-c", str(path)]


@contextmanager
def nginx(folder: Path, behind: Program) -> Iterator[Program]:
    """nginx as a plain reverse proxy."""
    port, h2_port = free_port(), free_port()
    extra = f"upstream up {{ server 127.0.0.1:{behind.port}; keepalive 512; keepalive_requests 1000000000; }}"
    rule = 'proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";'
    command = _nginx(folder / "proxy.conf", rule, port, extra, h2_port)
    with process("nginx", command, port, ROUTER_CORE) as found:
        yield replace(found, h2_port=h2_port)


@contextmanager
def haproxy(folder: Path, behind: Program) -> Iterator[Program]:
    """haproxy as a plain reverse proxy."""
    port, h2_port = free_port(), free_port()
    path = folder / "haproxy.cfg"
    path.write_text(
        f"""global
  maxconn 4096
  nbthread 1
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend clients
  bind 127.0.0.1:{port}
  bind 127.0.0.1:{h2_port} proto h2
  default_backend up
backend up
  http-reuse always
  server one 127.0.0.1:{behind.port}
"""
    )
    with process("haproxy", [_which("haproxy") or "haproxy", "-f", str(path)], port, ROUTER_CORE) as found:
        yield replace(found, h2_port=h2_port)


@contextmanager
def nghttpx(folder: Path, behind: Program) -> Iterator[Program]:
    """nghttpx as a plain reverse proxy."""
    port = free_port()
    empty = folder / "nghttpx.conf"
    empty.write_text("")
    command = [_which("nghttpx") or "nghttpx", f"--conf={empty}", f"--frontend=127.0.0.1,{port};no-tls"]
    command += [f"--backend=127.0.0.1,{behind.port}", "--workers=1", "--single-process", "--log-level=FATAL"]
    command += ["--accesslog-file=/dev/null", "--errorlog-file=/dev/null"]
    with process("nghttpx", command, port, ROUTER_CORE) as found:
        yield replace(found, h2_port=port)


@contextmanager
def uvicorn_httpx(_folder: Path, behind: Program) -> Iterator[Program]:
    """The reverse proxy that many would write first."""
    upstream_url = f"http://127.0.0.1:{behind.port}"
    with uvicorn("scripts.bench.router_load.proxy:app", "uvicorn+httpx", BENCH_UPSTREAM=upstream_url) as found:
        yield found


@contextmanager
def uvicorn(app: str, name: str = "uvicorn", **environment: str) -> Iterator[Program]:
    """uvicorn with uvloop and httptools serves an app."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--no-access-log", "--log-level", "critical"]
    command += ["--loop", "uvloop", "--http", "httptools"]
    with process(name, command, port, ROUTER_CORE, **environment) as found:
        yield found


def compiled(folder: Path) -> Path:
    """A copy of the router with its hot path compiled, as its image has it: where to import it from.

    :raises subprocess.CalledProcessError: the compiler failed.
    """
    shutil.copytree(ROOT / "router" / "fanout_router", folder / "fanout_router")
    command = [sys.executable, str(ROOT / "router" / "compile_hot_path.py"), str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


@contextmanager
def ours(
    app: str = "scripts.bench.router_load.apps:prepared",
    processes: int = 1,
    package: Path = ROOT / "router",
    trusts: str = "",
    **function: object,
) -> Iterator[Program]:
    """The router with all its features on, before environments on the other core, one for each of its processes.

    :param package: the folder to import the router from.
    :param trusts: the network of proxies whose word on the client is believed; none when empty.
    """
    name = "ours" if package == ROOT / "router" else "ours, compiled"
    name += ", behind a proxy" if trusts else ""
    port, admin, control = free_port(), free_port(), free_port()
    settings = {"name": "bench", "app": app, "channels": 300, "minimum": processes, "maximum": processes, **function}
    with process(
        name if processes == 1 else f"{name}, {processes} processes",
        [sys.executable, "-m", "fanout_router", "serve"],
        port,
        ROUTER_CORE,
        **_python_path(package),
        DISPATCH_PORT=str(port),
        DISPATCH_ADMIN_PORT=str(admin),
        DISPATCH_CONTROL_PORT=str(control),
        DISPATCH_PROCESSES=str(processes),
        DISPATCH_FUNCTIONS=json.dumps([settings]),
        DISPATCH_TRUSTED_PROXIES=json.dumps([trusts] if trusts else []),
        ROUTER_BENCH_CORE=str(OTHER_CORE),
        DISPATCH_LOG_LEVEL="ERROR",
    ) as found:
        _wait_for(lambda: serving(admin) >= int(str(settings["minimum"])), "the environments")
        if processes == 1:
            yield replace(found, adapter_pid=_child(found.pid), h2_port=port)
        else:
            yield replace(found, h2_port=port, workers=_children(found.pid))


def serving(admin_port: int) -> int:
    """How many environments serve, as the router's metrics say."""
    with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/metrics", timeout=5) as response:
        found = re.findall(r'dispatch_environments\{[^}]*state="serving"\} (\d+)', response.read().decode())
    return sum(map(int, found))


def _child(pid: int) -> int:
    """A child of a process: the one environment."""
    return next(iter(_children(pid)), 0)


def _children(pid: int) -> tuple[int, ...]:
    return tuple(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
