"""Before anything is sent: every worker's function can start."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from fanout import aws, heartbeat
from fanout.cli.demo.patience import StuckError, ask
from fanout.cli.deployment import Deployment
from fanout.naming import ALIAS

__all__ = ["start_all"]

AT_ONCE = 4


def start_all(deployment: Deployment) -> int:
    """Invoke each function with a keep-warm ping, which it answers once its handler is imported; gives their number.

    :raises StuckError: one cannot start; the text has its error.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        faults = ask(lambda: list(pool.map(lambda worker: _fault(deployment, worker), deployment.manifests)))
    if found := [fault for fault in faults if fault]:
        raise StuckError("\n".join([*found, "mend it, then `make demo` again"]))
    return len(faults)


def _fault(deployment: Deployment, worker: str) -> str | None:
    client = aws.client("lambda")
    function = deployment.names.function(worker)
    try:
        answer = client.invoke(FunctionName=function, Qualifier=ALIAS, Payload=json.dumps({heartbeat.KEY: 0}).encode())
    except client.exceptions.ResourceNotFoundException:
        return f"{worker}: there is no function {function}: run `make deploy`"
    if "FunctionError" not in answer:
        return None
    return f"{worker}: its function cannot start: {_message(answer['Payload'].read())}"


def _message(payload: bytes) -> str:
    try:
        return str(json.loads(payload).get("errorMessage", payload.decode()))
    except (ValueError, AttributeError):
        return payload.decode(errors="replace")
