"""LocalStack's community edition as its Docker image, for a machine with a Docker engine but no Python 3.13.

Functions run in containers of AWS's own images here, and DynamoDB is the one in the image. fanout's plugin
is not in it.
"""

import os
import shutil
import subprocess
from typing import Final

from fanout_tools.emulators.errors import DockerMissingError
from fanout_tools.emulators.model import HOST, Endpoints, Plan, Request, Server

__all__ = ["IMAGE", "find_engine", "plan"]

IMAGE: Final = "localstack/localstack:4.14.0"

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
    """One container, whose client is the process that is started and stopped.

    :raises DockerMissingError: there is no Docker client, or it reaches no engine.
    """
    docker = find_engine()
    name = f"fanout-localstack-{request.port}"
    url = f"http://{HOST}:{request.port}"
    server = Server(
        name="localstack-docker",
        command=[docker, *_arguments(name, request.port)],
        environment={key: os.environ[key] for key in _CLIENT_VARIABLES if key in os.environ},
        port=request.port,
        health_path="/_localstack/health",
        after_stop=[docker, "rm", "--force", name],
    )
    return Plan(servers=[server], endpoints=Endpoints(url=url, dynamodb_url=url))


def _arguments(name: str, port: int) -> list[str]:
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
        IMAGE,
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
