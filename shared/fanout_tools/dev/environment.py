"""The environment variables of the functions, as Terraform sets them, each in force while its function's code runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from fanout_tools.declarations.worker import Manifest
from fanout_tools.handlers.code import declared_names
from fanout_tools.operate.topology import Topology, WorkerPlace

__all__ = ["CREDENTIALS", "LEFT_OUT", "in_force", "of_worker"]

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "dev",
    "AWS_SECRET_ACCESS_KEY": "dev",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Of nobody: whatever reaches for AWS in spite of all is refused there."""
LEFT_OUT = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB")
"""Variables that would lead to AWS, or to an emulator."""


def of_worker(topology: Topology, place: WorkerPlace) -> dict[str, str]:
    """What the worker's function finds."""
    names, manifest = topology.names, place.manifest
    found = {
        "FANOUT_NAMESPACE": names.namespace,
        "FANOUT_WORKER": place.name,
        "FANOUT_BUS": names.bus,
        "FANOUT_QUEUE_URL": place.queue_url,
        "FANOUT_DLQ_URL": place.dead_letter_queue_url,
        "FANOUT_CLAIMS_BUCKET": names.claims_bucket(topology.account),
    }
    if place.records_table:
        found["FANOUT_IDEMPOTENCY_TABLE"] = place.records_table
    if manifest.powertools:
        found |= {"POWERTOOLS_SERVICE_NAME": place.name, "POWERTOOLS_METRICS_NAMESPACE": "fanout"}
    if manifest.gathers:
        found["FANOUT_GATHER_TABLE"] = names.gather_table(place.name)
    if manifest.parts_of:
        queues = {each: topology.place.queue_url(names.queue(each)) for each in manifest.parts_of}
        found["FANOUT_GATHER_QUEUES"] = json.dumps(queues)
    if manifest.outbox:
        found["FANOUT_OUTBOX_TABLE"] = names.outbox_table
    return {**found, **_stores(topology, manifest), **_values(topology, manifest), **manifest.environment}


def _stores(topology: Topology, manifest: Manifest) -> dict[str, str]:
    """TABLE_X and BUCKET_X of what it may use."""
    return {
        _variable(kind, name): topology.names.table(name)
        if kind == "table"
        else topology.names.bucket(name, topology.account)
        for kind, name in declared_names(manifest)
        if kind in ("table", "bucket")
    }


def _values(topology: Topology, manifest: Manifest) -> dict[str, str]:
    """PARAMETER_X and SECRET_X: names in SSM and Secrets Manager."""
    namespace = topology.names.namespace
    return {
        _variable("parameter", name): at if at.startswith("/") else f"/{namespace}/{at}"
        for name, at in manifest.parameters.items()
    } | {
        _variable("secret", name): at.removeprefix("/") if at.startswith("/") else f"{namespace}/{at}"
        for name, at in manifest.secrets.items()
    }


def _variable(kind: str, name: str) -> str:
    return f"{kind}_{name}".upper().replace("-", "_")


@contextmanager
def in_force(variables: Mapping[str, str], *, without: Iterable[str] = ()) -> Iterator[None]:
    """This process's variables with these, inside; all others are there throughout, for other threads."""
    names = {*variables, *without}
    before = {name: os.environ.get(name) for name in names}
    for name in without:
        os.environ.pop(name, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
