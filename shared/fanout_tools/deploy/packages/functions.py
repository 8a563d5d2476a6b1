"""What is in a function's own package, and what it needs beside it.

A worker's has its folder, the core library and the contracts; its ``worker.yaml`` is packed with all defaults filled in
and as JSON, which is YAML too but is read faster. A web function's has the adapter besides, by which it serves
requests, and, where it streams, the script by which Lambda starts the adapter's loop in place of Python's managed
runtime. The package of the outbox's relay is the core library with the routes of the events that go through it. That of
the scheduled canary is the core with what it needs of the tools, and what the project declares; so is the console's,
with the contracts, its pages and the adapter.
"""

import json
import re
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import fanout
from fanout.publish import Routes
from fanout_tools.declarations import worker as manifest
from fanout_tools.declarations.web import WebManifest
from fanout_tools.deploy.packages import tools
from fanout_tools.project import DISTRIBUTION, Project

__all__ = [
    "CANARY",
    "CONSOLE",
    "CONSOLE_REQUIREMENTS",
    "canary_entries",
    "console_entries",
    "core",
    "fanout_requirements",
    "relay_entries",
    "web_entries",
    "web_requirements",
    "worker_entries",
    "worker_requirements",
]

DECLARATIONS = frozenset({"requirements.txt", "web.yaml", "worker.yaml"})

SECRET = frozenset({".jks", ".key", ".p12", ".pem", ".pfx"})
"""Endings of the files that keys are kept in: what a function is to hold goes to Secrets Manager, a certificate that is
no secret has ``.crt``. What begins with a dot is left out too: ``.env``, ``.git``, ``.aws``."""

_PRIVATE = re.compile(rb"^(\xef\xbb\xbf)?[ \t]*-----BEGIN [A-Z0-9 ]*PRIVATE KEY", re.MULTILINE)
"""How a private key begins, whatever its file is called: ``id_rsa`` has no ending. A certificate, the parameters of a
curve or a tool's remarks may stand before it."""

CANARY = "fanout_tools.canary.scheduled"
"""The module whose ``handler`` sends canaries by the clock."""

CONSOLE = "fanout_tools.console.deployed"
"""The module whose ``app`` is the console behind a load balancer."""

CONSOLE_HANDLER = """\"\"\"The console as a Lambda function.\"\"\"

from fanout_router.adapter import serve
from fanout_tools.console.deployed import app

handler = serve(app("{contracts}"))
"""
CONSOLE_REQUIREMENTS = ("cryptography", "jinja2", "starlette")
"""What its pages and the load balancer's signatures need beside the platform's own dependencies and the adapter."""

STREAM = b"""#!/bin/sh
# Lambda runs this in place of Python's managed runtime, with the interpreter's path first: AWS_LAMBDA_EXEC_WRAPPER.
# The paths are those that the managed runtime would search.
own="$LAMBDA_TASK_ROOT:/opt/python/lib/${AWS_EXECUTION_ENV#AWS_Lambda_}/site-packages:/opt/python"
PYTHONPATH="$own${PYTHONPATH:+:$PYTHONPATH}" exec "$1" -m fanout_router.adapter.streaming
"""
POWERTOOLS = ["aws-lambda-powertools"]
"""What ``powertools: true`` of a worker.yaml asks for."""


def worker_entries(of: Project, folder: Path, routes: Routes | None = None) -> dict[str, bytes]:
    """What the package of the worker in ``folder`` holds, by name in the archive.

    :param routes: the ways of the events that it publishes.
    :raises fanout.errors.ManifestError: its worker.yaml is wrong.
    """
    packed = service(of, folder)
    packed[f"services/{folder.name}/worker.yaml"] = _declaration(folder / "worker.yaml", routes or Routes())
    return packed


def service(of: Project, folder: Path) -> dict[str, bytes]:
    """What any function of ``services`` runs on: its folder, the contracts, the core library."""
    packed = {"services/__init__.py": b""}
    packed |= {f"services/{folder.name}/{name}": content for name, content in files(folder)}
    packed |= {f"{of.contracts.name}/{name}": content for name, content in contracts(of)}
    return packed | core()


def contracts(of: Project) -> Iterator[tuple[str, bytes]]:
    """The package of the contracts, without the events to test with."""
    return (it for it in files(of.contracts) if not it[0].startswith("golden/"))


def core() -> dict[str, bytes]:
    """The core library, as every function needs it."""
    return {f"fanout/{name}": content for name, content in files(Path(fanout.__file__).parent)}


def worker_requirements(folder: Path) -> list[str]:
    """What the function needs beside the platform's own dependencies; most need nothing."""
    file = folder / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    own = [text for line in lines if (text := line.partition("#")[0].strip())]
    declared = folder / "worker.yaml"
    return own + (POWERTOOLS if declared.exists() and manifest.load(declared).powertools else [])


def _declaration(file: Path, routes: Routes) -> bytes:
    worker = manifest.load(file)
    declared = {
        "name": manifest.worker_name(file.parent),
        **worker.model_dump(mode="json"),
        "derived": worker.derived,
        "routes": routes.to_json(),
    }
    return (json.dumps(declared, indent=1) + "\n").encode()


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What of a folder runs in Lambda, by its name within it: neither tests nor declarations, nor what is hidden, has
    the name of a private key, or is a link to somewhere else."""
    inside = folder.resolve()
    for file in folder.rglob("*"):
        name = file.relative_to(folder)
        if file.is_file() and not _left_out(name) and _is_kept(file.resolve(), inside):
            content = file.read_bytes()
            # Code that holds one is not taken away in silence: the function would miss its module.
            if file.suffix == ".py" or not _PRIVATE.search(content):
                yield name.as_posix(), content


def _is_kept(real: Path, inside: Path) -> bool:
    """Whether what a name leads to is within the folder and not left out by its own name."""
    return real.is_relative_to(inside) and not _left_out(real.relative_to(inside))


def _left_out(name: Path) -> bool:
    is_test = "tests" in name.parts[:-1] or name.name.startswith("test_") or name.name == "conftest.py"
    is_secret = name.suffix.lower() in SECRET or any(part.startswith(".") for part in name.parts)
    return is_test or is_secret or "__pycache__" in name.parts or name.name in DECLARATIONS


def relay_entries(routes: Routes) -> dict[str, bytes]:
    """What the package of the outbox's relay holds, by name in the archive.

    :param routes: of every event that a worker with an outbox publishes.
    """
    packed = core()
    packed["fanout/outbox/routes.json"] = (json.dumps(routes.to_json(), indent=1) + "\n").encode()
    return packed


def canary_entries(of: Project) -> dict[str, bytes]:
    """What the package of the scheduled canary holds, by name in the archive: no handler, and of the contracts the
    golden events alone. All that it imports beside is in the platform's own layer."""
    packed = core() | {name: file.read_bytes() for name, file in tools.modules(CANARY).items()}
    for file in [*of.services.glob("*/worker.yaml"), *of.services.glob("*/workflow.yaml")]:
        packed[f"services/{file.parent.name}/{file.name}"] = file.read_bytes()
    for file in of.golden.glob("*/*.json"):
        packed[f"contracts/golden/{file.parent.name}/{file.name}"] = file.read_bytes()
    return packed


def fanout_requirements(extra: str | None = None) -> list[str]:
    """The requirements of the installed fanout, or of one of its extras, without their conditions on extras."""
    mark = f'extra == "{extra}"'
    found = []
    for requirement in metadata.requires(DISTRIBUTION) or []:
        text, _, condition = requirement.partition(";")
        conditions = [part.strip(" ()") for part in condition.replace("'", '"').split(" and ")] if condition else []
        if (mark in conditions) if extra else not any(part.startswith("extra") for part in conditions):
            rest = " and ".join(part for part in conditions if part != mark)
            found.append(f"{text.strip()}; {rest}" if rest else text.strip())
    return found


def web_entries(of: Project, folder: Path) -> dict[str, bytes]:
    """What the package of the web function in ``folder`` holds, by name in the archive.

    :raises fanout.errors.ManifestError: its web.yaml is wrong.
    """
    declared = WebManifest.load(folder / "web.yaml")
    wrapper = {"fanout_stream": STREAM} if declared.url and declared.url.streaming else {}
    return service(of, folder) | _adapter() | wrapper


def _adapter() -> dict[str, bytes]:
    found = find_spec("fanout_router")
    assert found is not None
    assert found.origin is not None
    return {f"fanout_router/{name}": content for name, content in files(Path(found.origin).parent)}


def console_entries(of: Project) -> dict[str, bytes]:
    """What the package of the deployed console holds, by name in the archive: no handler of a worker, and of the tools
    what the pages need."""
    modules = tools.modules(CONSOLE)
    packed = core() | _adapter() | {name: file.read_bytes() for name, file in modules.items()}
    for folder in sorted({file.parent for file in modules.values()} - {tools.FOLDER}):
        packed |= {f"fanout_tools/{name}": content for name, content in tools.data(folder)}
    for file in [*of.services.glob("*/worker.yaml"), *of.services.glob("*/workflow.yaml")]:
        packed[f"services/{file.parent.name}/{file.name}"] = file.read_bytes()
    packed |= {f"{of.contracts.name}/{name}": content for name, content in contracts(of)}
    packed["fanout_console.py"] = CONSOLE_HANDLER.format(contracts=of.contracts.name).encode()
    return packed


def web_requirements(folder: Path) -> list[str]:
    """What the function and the adapter need beside the platform's own dependencies."""
    return [*worker_requirements(folder), *fanout_requirements("adapter")]
