"""Which canaries there are to send: one for each pair of event and worker, made to pass that worker's filter."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fanout.events.canary import MARK, SOURCE_PREFIX
from fanout.events.envelope import Metadata, new_traceparent
from fanout_tools.canary.sampling import candidates
from fanout_tools.contracts import golden
from fanout_tools.declarations import reading, routing
from fanout_tools.declarations.worker import Manifest, Subscription, load_all
from fanout_tools.patterns import EVENTBRIDGE, Pattern
from fanout_tools.project import Project

__all__ = ["Canary", "Declared", "Pair", "Unsent", "plan"]

EVERY_EVENT = ("fanout", "Canary")
"""Source and name that the canaries of those have who subscribe to every event."""

S3 = "aws.s3/Object Created"


@dataclass(frozen=True, slots=True)
class Pair:
    """An event that a worker subscribes to."""

    event: str
    """``<source>/<Name>``, or ``*``."""
    worker: str


@dataclass(frozen=True, slots=True)
class Canary:
    """What is sent for one pair."""

    id: str
    pair: Pair
    event: Mapping[str, Any]
    """As a queue gets it."""
    recipients: Sequence[str]
    """Every worker that it will come to, by the declarations."""
    bucket: str | None = None
    """Where an object makes S3 send the event; None: it is put on the bus."""

    @property
    def key(self) -> str:
        """Of the object."""
        return str(self.event["detail"]["object"]["key"])

    @property
    def source(self) -> str:
        return str(self.event["source"])


@dataclass(frozen=True, slots=True)
class Unsent:
    """A pair that no canary is sent for."""

    pair: Pair
    reason: str


@dataclass(frozen=True)
class Declared:
    """What a project declares, as far as canaries need it."""

    manifests: Mapping[str, Manifest]
    examples: Mapping[str, Sequence[Mapping[str, Any]]]
    """Golden details by event, the newest version's first."""
    workflows: Sequence[Pattern] = ()
    """What starts a workflow."""

    @classmethod
    def read(cls, project: Project) -> Declared:
        """
        :raises ManifestError: a worker.yaml or workflow.yaml is wrong.
        """
        workflows = list(_workflows(project.services))
        return cls(load_all(project.services), _examples(project.golden), workflows)

    @property
    def event_buckets(self) -> list[str]:
        """The buckets, by their names in worker.yaml, whose events come to the bus."""
        return [name for each in self.manifests.values() for name, bucket in each.buckets.items() if bucket.events]


def plan(
    declared: Declared, run: str, sent_at: datetime, expires_at: datetime, bucket_name: Callable[[str], str]
) -> Iterator[Canary | Unsent]:
    """A canary for each pair, or why there is none.

    :param run: hexadecimal; the canaries' ids begin with it.
    :param expires_at: after that even a worker that does not know canaries drops them.
    :param bucket_name: a bucket's name in AWS by that in worker.yaml.
    """
    pairs = [(worker, each) for worker, manifest in declared.manifests.items() for each in manifest.subscribes]
    for number, (worker, subscription) in enumerate(pairs, 1):
        maker = _Maker(declared, worker, subscription, f"{run}-{number}", sent_at, expires_at)
        yield maker.canary(bucket_name)


@dataclass(frozen=True)
class _Maker:
    """Makes the canary of one pair."""

    declared: Declared
    worker: str
    subscription: Subscription
    id: str
    sent_at: datetime
    expires_at: datetime

    @property
    def pair(self) -> Pair:
        return Pair(self.subscription.event, self.worker)

    def canary(self, bucket_name: Callable[[str], str]) -> Canary | Unsent:
        if self.subscription.event == S3:
            for bucket in self.declared.event_buckets:
                if found := self._passing(self._objects(bucket_name(bucket)), bucket_name(bucket)):
                    return found
        found = self._passing(self._events(), None)
        return found or Unsent(
            self.pair, "no event passes its filter of those that could be made up: add a golden event"
        )

    def _passing(self, events: Iterable[dict[str, Any]], bucket: str | None) -> Canary | None:
        own = {self.worker: self.declared.manifests[self.worker]}
        for event in events:
            if routing.recipients(event, own) and not any(it.matches(event) for it in self.declared.workflows):
                return Canary(self.id, self.pair, event, self._recipients(event), bucket)
        return None

    def _recipients(self, event: Mapping[str, Any]) -> list[str]:
        subscribed = {
            worker: manifest
            for worker, manifest in self.declared.manifests.items()
            if {each.event for each in manifest.subscribes} & {self.subscription.event, "*"}
        }
        return routing.recipients(event, subscribed)

    def _events(self) -> Iterator[dict[str, Any]]:
        """Events that take the way of the pair's, under the source of canaries."""
        source, name = self._source_and_name
        aws_native = source.startswith("aws.")
        for version, example in self._examples():
            for data in candidates(
                self.subscription.where, example if aws_native else example.get("data", {}), self._text
            ):
                detail = data if aws_native else {"metadata": self._metadata(version), "data": data}
                yield self._event(f"{SOURCE_PREFIX}{source}", name, {**detail, MARK: self.id})

    def _objects(self, bucket: str) -> Iterator[dict[str, Any]]:
        """What S3 tells of an empty object that is a canary."""
        source, name = self._source_and_name
        text = f"{MARK}/{self.id}"
        for _, example in self._examples():
            told = {**example.get("object", {}), "key": text, "size": 0}
            detail = {**example, "bucket": {"name": bucket}, "object": told, "reason": "PutObject"}
            for data in candidates(self.subscription.where, detail, text):
                kept = data.get("bucket") == {"name": bucket} and data["object"].get("size") == 0
                if kept and text in str(data["object"].get("key")):
                    yield self._event(source, name, data)

    @property
    def _source_and_name(self) -> tuple[str, str]:
        if self.subscription.event == "*":
            return EVERY_EVENT
        source, _, name = self.subscription.event.partition("/")
        return source, name

    @property
    def _text(self) -> str:
        return f"canary-{self.id}"

    def _examples(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Golden details with the version of each; at last one that holds nothing but what the filter asks for."""
        for detail in self.declared.examples.get(self.subscription.event, ()):
            yield int(detail.get("metadata", {}).get("schema_version", 1)), detail
        yield 1, {}

    def _metadata(self, version: int) -> dict[str, Any]:
        identity = f"{MARK}-{self.id}"
        return Metadata(
            event_id=identity,
            schema_version=version,
            correlation_id=identity,
            published_at=self.sent_at.isoformat(timespec="milliseconds"),
            expires_at=self.expires_at.isoformat(timespec="milliseconds"),
            traceparent=new_traceparent(identity, identity),
        ).to_json()

    def _event(self, source: str, name: str, detail: Mapping[str, Any]) -> dict[str, Any]:
        return {"version": "0", "source": source, "detail-type": name, "detail": detail}


def _examples(folder: Path) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for each in sorted(golden.find(folder), key=lambda each: -each.contract.version):
        found.setdefault(each.contract.identifier, []).append(json.loads(each.delivered())["detail"])
    return found


def _workflows(services: Path) -> Iterator[Pattern]:
    """``terraform/modules/platform`` makes the same of each workflow.yaml."""
    for file in sorted(services.glob("*/workflow.yaml")):
        declared: Any = reading.read(file)
        source, _, name = str(declared.get("event")).partition("/")
        where = declared.get("where") or {}
        detail = where if source.startswith("aws.") or not where else {"data": where}
        pattern = {"source": [source], "detail-type": [name], **({"detail": detail} if detail else {})}
        yield Pattern.parse(pattern, dialect=EVENTBRIDGE)
