"""Before anything is sent: every worker's function can start."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from fanout import aws, keep_warm
from fanout_tools.cli.deployment import Deployment
from fanout_tools.declarations.naming import ALIAS
from scripts.demo.patience import StuckError, ask

__all__ = ["start_all"]

AT_ONCE = 2
"""A cold function is a second of work, and an emulator's functions share this machine."""
START_S = 40.0
"""Of two functions; an attempt has half of it, so that a slow start is not asked for again and again."""


def start_all(deployment: Deployment) -> int:
    """Invoke each function with a keep-warm ping, which it answers once its handler is imported; gives their number.

    :raises StuckError: one cannot start; the text has its error.
    """
    workers, faults = list(deployment.manifests), list[str]()
    for first in range(0, len(workers), AT_ONCE):
        faults += ask(partial(_faults, deployment, workers[first : first + AT_ONCE]), START_S)
    if faults:
        raise StuckError("\n".join([*faults, "fix it, then `make demo` again"]))
    return len(workers)


def _faults(deployment: Deployment, workers: Sequence[str]) -> list[str]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [fault for fault in pool.map(partial(_fault, deployment), workers) if fault]


def _fault(deployment: Deployment, worker: str) -> str | None:
    client = aws.client("lambda")
    function = deployment.names.function(worker)
    try:
        answer = client.invoke(FunctionName=function, Qualifier=ALIAS, Payload=json.dumps({keep_warm.KEY: 0}).encode())
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
