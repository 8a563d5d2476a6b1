"""What a worker needs of its ``worker.yaml`` at run time, cheap to read in a cold start.

The build packs ``worker.yaml`` as JSON, which is YAML, with every default filled in and every rule checked; a file
in that form is taken as it is. The file of the repository goes through :mod:`fanout.manifest`, which Lambda never
imports.
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
    idempotency: str
    """strict, claim or off."""
    ttl_s: int
    """How long a handled event is remembered."""
    max_receives: int
    """After so many deliveries a record goes to the DLQ."""
    base_s: int
    cap_s: int
    """Of the backoff: see :class:`fanout.manifest.Retry`."""
    fifo: bool
    concurrency: int
    """Records of a batch that are handled at once."""
    record_timeout_s: int | None
    """How long one record may take; None: until the invocation's end."""
    gathers: bool
    """Whether it takes part in gathers: see :mod:`fanout.gather`."""
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
        from fanout.manifest import load, worker_name

        return cls._of(worker_name(worker_yaml.parent), load(worker_yaml).model_dump(mode="json"))

    @classmethod
    def _of(cls, name: str, declared: Mapping[str, Any]) -> Self:
        return cls(
            worker=name,
            subscribes=tuple(subscription["event"] for subscription in declared["subscribes"]),
            idempotency=declared["idempotency"]["mode"],
            ttl_s=declared["idempotency"]["ttl_hours"] * 3600,
            max_receives=declared["queue"]["max_receives"],
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
