"""LocalStack's community edition in host mode: a process on this machine, with fanout's plugin in it.

It needs no container. It is the more faithful of the emulators, and needs Python 3.13. Its own DynamoDB is
a program that it would download, so a MiniStack on a second port stands in for that service.
"""

import os
import sys
from pathlib import Path
from typing import Final

from fanout_tools.emulators import ministack
from fanout_tools.emulators.environment import minimal_environment
from fanout_tools.emulators.model import HOST, Endpoints, Plan, Request, Server, home
from fanout_tools.emulators.ports import free_port
from fanout_tools.emulators.pythons import find_python
from fanout_tools.emulators.venvs import ensure_venv

__all__ = ["PLUGIN", "ensure_function_python", "ensure_localstack_python", "plan"]

PLUGIN: Final = Path(__file__).with_name("localstack_plugin")

#: LocalStack 4.14.0 fails on 3.11 and 3.12, whatever its metadata says.
_PYTHON_VERSION: Final = "3.13"
#: What a developer may set for LocalStack: how many function processes may run at once, and how much it logs.
_SETTINGS: Final = ("FANOUT_FUNCTION_PROCESSES", "DEBUG", "LS_LOG")
_REQUIREMENTS: Final = Path(__file__).with_name("requirements-localstack.txt")
_FUNCTION_REQUIREMENTS: Final = Path(__file__).with_name("requirements-functions.txt")


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
