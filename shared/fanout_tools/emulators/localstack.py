"""LocalStack's community edition, as a process on this machine with fanout's plugin in it, or as its Docker image.

Host mode needs no container. It is the more faithful of the emulators, and needs Python 3.13. Its own DynamoDB is
a program that it would download, so a MiniStack on a second port stands in for that service.

The image is for a machine with a Docker engine but no Python 3.13. Functions run in containers of AWS's own images
there, and DynamoDB is the one in the image. fanout's plugin is not in it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from fanout_tools.emulators import ministack
from fanout_tools.emulators.model import (
    HOST,
    DockerMissingError,
    Endpoints,
    Plan,
    Request,
    Server,
    home,
    minimal_environment,
)
from fanout_tools.emulators.ports import free_port
from fanout_tools.emulators.venvs import ensure_venv, find_python

__all__ = ["PLUGIN", "ensure_function_python", "ensure_localstack_python", "find_engine", "plan", "plan_container"]

PLUGIN: Final = Path(__file__).with_name("localstack_plugin")

#: LocalStack 4.14.0 fails on 3.11 and 3.12, whatever its metadata says.
_PYTHON_VERSION: Final = "3.13"
#: What a developer may set for LocalStack: how many function processes may run at once, and how much it logs.
_SETTINGS: Final = ("FANOUT_FUNCTION_PROCESSES", "DEBUG", "LS_LOG")
_REQUIREMENTS: Final = Path(__file__).with_name("requirements-localstack.txt")
_FUNCTION_REQUIREMENTS: Final = Path(__file__).with_name("requirements-functions.txt")

_IMAGE: Final = "localstack/localstack:4.14.0"

#: What the Docker client needs to find its engine; nothing of it reaches the container.
_CLIENT_VARIABLES: Final = (
    "PATH",
    "HOME",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
)


def plan(request: Request) -> Plan:
    """LocalStack, and MiniStack for DynamoDB.

    :raises InstallError: a virtual environment cannot be made, or Python 3.13 is missing.
    """
    python = ensure_localstack_python()
    dynamodb = ministack.server(request.run_dir, request.dynamodb_port or free_port())
    endpoints = Endpoints(url=f"http://{HOST}:{request.port}", dynamodb_url=f"http://{HOST}:{dynamodb.port}")
    localstack = Server(
        name="localstack",
        command=[str(python), "-m", "localstack.runtime.main"],
        environment=_environment(request, endpoints),
        port=request.port,
        health_path="/_localstack/health",
    )
    return Plan(servers=[dynamodb, localstack], endpoints=endpoints)


def ensure_localstack_python() -> Path:
    """The interpreter of LocalStack's virtual environment, made if need be, with the plugin in it.

    :raises InstallError: it cannot be made, or Python 3.13 is missing.
    """
    return ensure_venv(
        home() / "localstack" / "venv",
        python=find_python(_PYTHON_VERSION),
        requirements=_REQUIREMENTS,
        packages=[PLUGIN],
    )


def ensure_function_python() -> Path:
    """The interpreter that functions run on: the project's Python, so that the native wheels in layers fit.

    :raises InstallError: its virtual environment cannot be made.
    """
    return ensure_venv(home() / "functions" / "venv", python=Path(sys.executable), requirements=_FUNCTION_REQUIREMENTS)


def _environment(request: Request, endpoints: Endpoints) -> dict[str, str]:
    address = f"{HOST}:{request.port}"
    state = request.run_dir / "localstack-state"
    environment = minimal_environment(request.run_dir)
    # LocalStack takes TMPDIR for an outdated setting of its own, and warns; Python looks at TEMP as well.
    environment["TEMP"] = environment.pop("TMPDIR")
    environment |= {name: os.environ[name] for name in _SETTINGS if name in os.environ}
    return environment | {
        "FILESYSTEM_ROOT": str(state),
        # LocalStack keeps an index of installed plugins in a cache, and may not notice that it is out of
        # date.
        "XDG_CACHE_HOME": str(state / "cache"),
        "GATEWAY_LISTEN": address,
        "LOCALSTACK_HOST": address,
        # Queue URLs as http://HOST:PORT/ACCOUNT/NAME: other forms have a host name that only public DNS
        # knows, or a path that Terraform refuses.
        "SQS_ENDPOINT_STRATEGY": "off",
        # No telemetry, no certificate from the network, no DNS server.
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "EAGER_SERVICE_LOADING": "0",
        # Else a queue's metrics are a minute old before an alarm sees them, and its own look is a minute apart.
        "SQS_CLOUDWATCH_METRICS_REPORT_INTERVAL": "10",
        "LAMBDA_RETRY_BASE_DELAY_SECONDS": "1",
        "LAMBDA_RUNTIME_EXECUTOR": "local",
        "FANOUT_FUNCTION_PYTHON": str(ensure_function_python()),
        "FANOUT_FUNCTION_DYNAMODB_URL": endpoints.dynamodb_url,
    }


def plan_container(request: Request) -> Plan:
    """One container, whose client is the process that is started and stopped.

    :raises DockerMissingError: there is no Docker client, or it reaches no engine.
    """
    docker = find_engine()
    name = f"fanout-localstack-{request.port}"
    url = f"http://{HOST}:{request.port}"
    server = Server(
        name="localstack-docker",
        command=[docker, *_run_arguments(name, request.port)],
        environment={key: os.environ[key] for key in _CLIENT_VARIABLES if key in os.environ},
        port=request.port,
        health_path="/_localstack/health",
        after_stop=[docker, "rm", "--force", name],
    )
    return Plan(servers=[server], endpoints=Endpoints(url=url, dynamodb_url=url))


def _run_arguments(name: str, port: int) -> list[str]:
    variables = {
        # The same port inside as outside: it is in every queue URL that LocalStack gives out.
        "GATEWAY_LISTEN": f"0.0.0.0:{port}",
        "SQS_ENDPOINT_STRATEGY": "off",
        "LOCALSTACK_HOST": f"localhost.localstack.cloud:{port}",
        # Function containers reach LocalStack through the network of the container that has this name.
        "MAIN_CONTAINER_NAME": name,
        "LAMBDA_RETRY_BASE_DELAY_SECONDS": "1",
        "DISABLE_EVENTS": "1",
    }
    settings = [word for key, value in variables.items() for word in ("--env", f"{key}={value}")]
    socket = "/var/run/docker.sock"
    return [
        *("run", "--rm", "--name", name),
        *("--publish", f"{HOST}:{port}:{port}"),
        *("--volume", f"{socket}:{socket}"),
        *settings,
        _IMAGE,
    ]


def find_engine() -> str:
    """The Docker client, if it reaches an engine.

    :raises DockerMissingError: there is no client, or no engine.
    """
    docker = shutil.which("docker")
    if docker is None:
        raise DockerMissingError(
            "there is no docker on PATH: install Docker, or use EMULATOR=localstack or EMULATOR=ministack"
        )
    asked = subprocess.run([docker, "info"], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        said = (asked.stderr or asked.stdout).strip().splitlines()
        raise DockerMissingError(
            "docker reaches no engine: start it, or use EMULATOR=localstack or EMULATOR=ministack. "
            f"It said: {said[-1] if said else 'nothing'}"
        )
    return docker
