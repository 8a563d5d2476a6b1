"""MiniStack: one small process that has every service in memory, and runs functions as child processes."""

import sys
from pathlib import Path
from typing import Final

from fanout_tools.emulators.model import HOST, Endpoints, Plan, Request, Server, home, minimal_environment
from fanout_tools.emulators.venvs import ensure_venv

__all__ = ["RESET_PATH", "plan", "server"]

#: POST empties it.
RESET_PATH: Final = "/_ministack/reset"

_REQUIREMENTS: Final = Path(__file__).with_name("requirements-ministack.txt")
#: MiniStack's application with bounds; a folder of its own, because hypercorn puts the folder on the module path.
_APPLICATION: Final = Path(__file__).with_name("ministack_server") / "fanout_ministack.py"
#: Seconds; hypercorn's 5 close connections under the calls of functions that pause, and each such call is repeated.
_KEEP_ALIVE: Final = "300"


def plan(request: Request) -> Plan:
    """MiniStack for everything."""
    only = server(request.run_dir, request.port, enforce_iam=request.enforce_iam)
    url = f"http://{HOST}:{request.port}"
    return Plan(servers=[only], endpoints=Endpoints(url=url, dynamodb_url=url))


def server(run_dir: Path, port: int, *, enforce_iam: bool = False) -> Server:
    """One MiniStack; its virtual environment is made if need be.

    :param enforce_iam: every call is checked against IAM policies; the credentials test/test are those of
        the root user.
    :raises InstallError: its virtual environment cannot be made.
    """
    # Functions run on the interpreter of this virtual environment, so that it has to be the project's Python:
    # the native wheels in a function's layer were built for that.
    python = ensure_venv(home() / "ministack" / "venv", python=Path(sys.executable), requirements=_REQUIREMENTS)
    environment = minimal_environment(run_dir) | {
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": HOST,
        "STATE_DIR": str(run_dir / "ministack-state"),
        # Both would listen on ports of their own.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    if enforce_iam:
        environment |= {"AUTH": "true", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return Server(
        name="ministack",
        command=[
            *(str(python), "-m", "hypercorn", "--bind", f"{HOST}:{port}"),
            *("--keep-alive", _KEEP_ALIVE, "--backlog", "1024", f"{_APPLICATION}:app"),
        ],
        environment=environment,
        port=port,
        health_path="/_ministack/health",
    )
