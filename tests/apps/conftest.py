"""The apps' environment, and each app on both servers."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanout_tools.emulators.venvs import ensure_venv
from scripts.paths import BUILD, REPOSITORY
from tests.apps.support import PATHS, SERVED, Pair, free_port, gunicorn, pair, uvicorn

USER, PASSWORD = "ann", "of no worth"


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter that has the frameworks."""
    requirements = REPOSITORY / "scripts" / "requirements-apps.txt"
    return ensure_venv(BUILD / "apps" / "venv", python=Path(sys.executable), requirements=requirements)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("apps")


@pytest.fixture(scope="module")
def fastapi(python: Path, folder: Path) -> Iterator[Pair]:
    name = f"{SERVED}.fastapi_app:app"
    with pair(python, name, uvicorn(python, name), folder) as found:
        yield found


@pytest.fixture(scope="module")
def starlette(python: Path, folder: Path) -> Iterator[Pair]:
    name = f"{SERVED}.starlette_app:app"
    with pair(python, name, uvicorn(python, name), folder) as found:
        yield found


@pytest.fixture(scope="module")
def flask(python: Path, folder: Path) -> Iterator[Pair]:
    name = f"{SERVED}.flask_app:app"
    with pair(python, name, gunicorn(python, name), folder) as found:
        yield found


@pytest.fixture(scope="module")
def database(python: Path, folder: Path) -> str:
    """Django's, with one user."""
    path = folder / "django.sqlite"
    command = [str(python), "-m", f"{SERVED}.django_app", USER, PASSWORD]
    environment = {"DJANGO_DATABASE": str(path), "PYTHONPATH": PATHS}
    subprocess.run(command, check=True, env=environment, cwd=REPOSITORY)
    return str(path)


@pytest.fixture(scope="module")
def django_asgi(python: Path, folder: Path, database: str) -> Iterator[Pair]:
    name = f"{SERVED}.django_app:app"
    with pair(python, name, uvicorn(python, name), folder, DJANGO_DATABASE=database) as found:
        yield found


@pytest.fixture(scope="module")
def django_wsgi(python: Path, folder: Path, database: str) -> Iterator[Pair]:
    name = f"{SERVED}.django_app:wsgi"
    with pair(python, name, gunicorn(python, name), folder, DJANGO_DATABASE=database) as found:
        yield found


@pytest.fixture(scope="module")
def node(python: Path, folder: Path) -> Iterator[Pair]:
    """A server in the manner of express behind ProxyApplication."""
    if shutil.which("node") is None:
        pytest.skip("needs node")
    yield from _proxied(python, folder, ["node", str(REPOSITORY / "tests/apps/served/express_like.mjs"), "{port}"])


@pytest.fixture(scope="module")
def proxied_flask(python: Path, folder: Path) -> Iterator[Pair]:
    """Flask by gunicorn behind ProxyApplication."""
    yield from _proxied(python, folder, gunicorn(python, f"{SERVED}.flask_app:app"))


def _proxied(python: Path, folder: Path, command: list[str]) -> Iterator[Pair]:
    port = free_port()
    behind = shlex.join(each.format(port=port) for each in command)
    where = {"PROXIED_PORT": str(port), "PROXIED_COMMAND": behind}
    with pair(python, f"{SERVED}.proxied:app", command, folder, **where) as found:
        yield found
