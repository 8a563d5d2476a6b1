"""What a worker needs of its ``worker.yaml`` at run time, cheap to read in a cold start.

The build packs ``worker.yaml`` as JSON, which is YAML, with every default filled in and every rule checked; a file
in that form is taken as it is. The file of the repository goes through
:mod:`fanout_tools.declarations.worker`, which Lambda never imports.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    worker: str
    """Its name."""
    subscribes: tuple[str, ...]
    """``<source>/<Name>`` of each event, or ``*``."""
    publishes: frozenset[str]
    """``<source>/<Name>`` of each event that it may put on the bus."""
    idempotency: str
    """strict, claim or off."""
    ttl_s: int
    """How long a handled event is remembered."""
    max_receives: int
    """After so many tries a record goes to the DLQ."""
    backstop: int
    """After so many receives SQS moves a record there; with idempotency off the same as ``max_receives``."""
    retention_s: int
    """How long the queue keeps a record."""
    visibility_s: int
    """How long the queue hides a record that has been handed out."""
    timeout_s: int
    """How long the function may run."""
    base_s: int
    cap_s: int
    """Of the backoff: see :class:`fanout_tools.declarations.worker.Retry`."""
    fifo: bool
    concurrency: int
    """Records of a batch that are handled at once."""
    record_timeout_s: int | None
    """How long one record may take; None: until the invocation's end."""
    gathers: bool
    """Whether it takes part in gathers: see :mod:`fanout.gather`."""
    key: tuple[tuple[str, ...], ...] = ()
    """The fields of the data that tell events apart in place of their ids: see :mod:`fanout.idempotency.store`."""
    parts_of: tuple[str, ...] = ()
    """The other workers whose scattered parts this one handles."""
    routes: Mapping[str, Any]
    """The ways of the events that it publishes, as the build found them; none in the repository's file."""

    @classmethod
    def read(cls, worker_yaml: Path) -> Self:
        """
        :raises ManifestError: there is no such file, or it breaks a rule.
        """
        packed = _packed(worker_yaml)
        if packed is not None:
            return cls._of(packed["name"], packed)
        from fanout_tools.declarations.worker import load, worker_name

        manifest = load(worker_yaml)
        declared = {**manifest.model_dump(mode="json"), "derived": manifest.derived}
        return cls._of(worker_name(worker_yaml.parent), declared)

    @classmethod
    def _of(cls, name: str, declared: Mapping[str, Any]) -> Self:
        derived = declared["derived"]
        return cls(
            worker=name,
            subscribes=tuple(subscription["event"] for subscription in declared["subscribes"]),
            publishes=frozenset(declared.get("publishes", ())),
            idempotency=declared["idempotency"]["mode"],
            ttl_s=derived["ttl_s"],
            key=tuple(tuple(path.split(".")) for path in declared["idempotency"]["key"]),
            max_receives=declared["queue"]["max_receives"],
            backstop=derived["backstop"],
            retention_s=declared["queue"]["retention_days"] * 86_400,
            visibility_s=derived["visibility_s"],
            timeout_s=declared["function"]["timeout_s"],
            base_s=declared["retry"]["base_s"],
            cap_s=declared["retry"]["cap_s"],
            fifo=declared["queue"]["fifo"],
            concurrency=declared["batch"]["concurrency"],
            record_timeout_s=declared["batch"]["record_timeout_s"],
            gathers=declared["gathers"],
            parts_of=tuple(declared.get("parts_of", ())),
            routes=declared.get("routes", {}),
        )


def _packed(worker_yaml: Path) -> dict[str, Any] | None:
    """What the build made of the file; None if it is the repository's, or not there."""
    content = worker_yaml.read_bytes() if worker_yaml.exists() else b""
    if not content.startswith(b"{"):
        return None
    try:
        declared: dict[str, Any] = orjson.loads(content)
    except orjson.JSONDecodeError:  # YAML may begin so too
        return None
    return declared if "name" in declared else None
