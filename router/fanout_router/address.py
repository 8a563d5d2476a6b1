"""Where environments call back: the address that goes into every invocation.

A task on AWS Fargate has an address of its own in the VPC, which it learns from the task metadata endpoint
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html). An environment
has to reach the very router that invoked it, so that no load balancer can stand between them.
"""

import json
import os
from http.client import HTTPException
from ipaddress import ip_address
from urllib.request import urlopen

from fanout_router.config import RouterSettings
from fanout_router.errors import ConfigError

__all__ = ["control_address"]

METADATA_VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"
_TIMEOUT_S = 5.0
_MEND = "set DISPATCH_CONTROL_ADDRESS to the https://host:port that environments reach"


def control_address(settings: RouterSettings, port: int) -> str:
    """``http(s)://host:port`` of the control port, which is bound to ``port``.

    It is what the settings say, else the address that is bound; when that is all of them, the ECS task's own.

    :raises ConfigError: all addresses are bound, and this is no ECS task or its metadata tell no address.
    """
    if settings.control_address:
        return settings.control_address
    host = settings.control_host
    if host in ("0.0.0.0", "::", ""):
        host = _task_address(os.environ.get(METADATA_VARIABLE, ""))
    scheme = "https" if settings.control_tls else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _task_address(metadata: str) -> str:
    if not metadata.startswith("http://"):
        raise ConfigError(f"DISPATCH_CONTROL_ADDRESS: every address is bound, and this is no ECS task; {_MEND}")
    try:
        with urlopen(metadata, timeout=_TIMEOUT_S) as response:  # link-local, plain HTTP by its nature
            container = json.load(response)
        networks = container["Networks"]
        found = [
            address for kind in ("IPv4Addresses", "IPv6Addresses") for it in networks for address in it.get(kind) or ()
        ]
        return str(ip_address(found[0]))
    except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"DISPATCH_CONTROL_ADDRESS: the ECS task metadata tell no address ({reason}); {_MEND}"
        ) from None
