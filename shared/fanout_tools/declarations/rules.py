"""The cross-field rules of a ``worker.yaml``; each says what is wrong and the fix.

The same rules in the same words stand in ``terraform/modules/manifests``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from fanout.errors import PatternError
from fanout_tools.declarations import routing
from fanout_tools.errors import near_miss

if TYPE_CHECKING:
    from fanout_tools.declarations.worker import Manifest, Permission


def problems(manifest: Manifest, events: Iterable[str] | None) -> Iterator[str]:
    """Every rule that the manifest breaks, as ``<key>: <what is wrong>; <the fix>``."""
    yield from _batch(manifest)
    yield from _queue(manifest)
    yield from _concurrency(manifest)
    yield from _scaling(manifest)
    yield from _snap_start(manifest)
    yield from _owner(manifest)
    yield from _stores(manifest)
    yield from _parameters(manifest)
    yield from _environment(manifest)
    yield from _outbox(manifest)
    yield from _subscriptions(manifest)
    if events is not None:
        yield from _unknown_events(manifest, sorted(events))


def _batch(manifest: Manifest) -> Iterator[str]:
    batch, fifo = manifest.batch, manifest.queue.fifo
    if fifo and batch.size > 10:
        yield f"batch.size: {batch.size}: a FIFO queue delivers at most 10 records a batch; write 10 or less"
    elif batch.size > 10 and batch.window_s < 1:
        yield f"batch.window_s: {batch.window_s}: a batch.size over 10 needs a window; write 1 or more"
    limit = batch.record_timeout_s
    if limit is not None and limit > manifest.function.timeout_s:
        yield (
            f"batch.record_timeout_s: {limit}: is over function.timeout_s {manifest.function.timeout_s}; "
            f"write {manifest.function.timeout_s} or less"
        )
    if fifo and batch.window_s > 0:
        yield f"batch.window_s: {batch.window_s}: a FIFO queue has no batch window; write 0"


def _queue(manifest: Manifest) -> Iterator[str]:
    least = 6 * manifest.function.timeout_s + manifest.batch.window_s
    if manifest.visibility_s < least:
        yield (
            f"queue.visibility_s: {manifest.visibility_s}: must be at least 6 x function.timeout_s + batch.window_s "
            f"= {least}; write {least} or more, or leave it out"
        )
    if manifest.queue.fifo and manifest.via != "bus":
        yield f"via: {manifest.via.value}: a standard SNS topic cannot deliver to a FIFO queue; write bus"
    kept_s = manifest.queue.retention_days * 86_400
    if manifest.slo.age_s >= kept_s:
        yield (
            f"slo.age_s: {manifest.slo.age_s}: is not under queue.retention_days {manifest.queue.retention_days}, "
            f"so that events would be lost before the alarm; write less than {kept_s}"
        )
    if manifest.idempotency.mode != "off":
        yield from _tries(manifest)
    else:
        yield from _receives(manifest)
    if manifest.idempotency.mode == "off" and manifest.idempotency.key:
        yield "idempotency.key: tells events apart in the store, of which mode: off has none; leave it out"
    if manifest.queue.fifo and manifest.gathers:
        yield "gathers: true: a FIFO queue cannot delay the message of a deadline; write queue.fifo: false"
    if manifest.retry.cap_s < manifest.retry.base_s:
        yield f"retry.cap_s: {manifest.retry.cap_s}: is under retry.base_s {manifest.retry.base_s}; raise it"


def _tries(manifest: Manifest) -> Iterator[str]:
    ttl, days = manifest.idempotency.ttl_hours, manifest.queue.retention_days
    least = 24 * (days + 14)
    if ttl is not None and ttl < least:
        yield (
            f"idempotency.ttl_hours: {ttl}: is under queue.retention_days {days} + 14 days of the DLQ, so that an "
            f"event that comes back would be handled again; write {least} or more, or leave it out"
        )
    most, tries = manifest.backstop, manifest.queue.max_receives
    if most < 2 * tries + 1:
        yield (
            f"queue.max_receives: {tries}: in 3/4 of queue.retention_days {days} a message comes back {most} times at "
            f"most, and tries need 2 x {tries} + 1; write less, raise queue.retention_days, or lower the time-outs"
        )


def _receives(manifest: Manifest) -> Iterator[str]:
    most, receives = manifest.receives_in_time, manifest.queue.max_receives
    if receives > most:
        yield (
            f"queue.max_receives: {receives}: in 3/4 of queue.retention_days {manifest.queue.retention_days} a message "
            f"comes back {most} times at most, and would be deleted before it is in the DLQ; write {most} or less, "
            "raise queue.retention_days, or lower the time-outs"
        )


def _concurrency(manifest: Manifest) -> Iterator[str]:
    reserved = manifest.function.reserved_concurrency
    if reserved is None:
        return
    most, provisioned = manifest.batch.max_concurrency, manifest.function.provisioned_concurrency
    if most is not None and most > reserved:
        yield (
            f"batch.max_concurrency: {most}: is over function.reserved_concurrency {reserved}, so that throttled "
            f"batches would end in the DLQ; write {reserved} or less"
        )
    if provisioned > reserved:
        yield (
            f"function.provisioned_concurrency: {provisioned}: is over function.reserved_concurrency {reserved}; "
            f"write {reserved} or less"
        )


def _scaling(manifest: Manifest) -> Iterator[str]:
    least, most = manifest.function.provisioned_concurrency, manifest.scaling.max
    scaled = [("scaling.max", most)] if most is not None else []
    scaled += [(f"scaling_schedule.{name}.max", it.max) for name, it in manifest.scaling_schedule.items()]
    for key, value in scaled:
        if least < 1:
            yield (
                f"{key}: {value}: scales function.provisioned_concurrency, which is 0; "
                "write function.provisioned_concurrency: 1 or more"
            )
        reserved = manifest.function.reserved_concurrency
        if reserved is not None and value > reserved:
            yield f"{key}: {value}: is over function.reserved_concurrency {reserved}; write {reserved} or less"
    if most is not None and most < least:
        yield f"scaling.max: {most}: is under function.provisioned_concurrency {least}; write {least} or more"
    for name, it in manifest.scaling_schedule.items():
        if it.max < it.min:
            yield f"scaling_schedule.{name}.max: {it.max}: is under min {it.min}; write {it.min} or more"


def _snap_start(manifest: Manifest) -> Iterator[str]:
    # https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
    function = manifest.function
    if function.snap_start and function.provisioned_concurrency > 0:
        yield "function.snap_start: true: Lambda takes it not with function.provisioned_concurrency; leave one out"
    if function.snap_start and function.ephemeral_storage_mb > 512:
        yield (
            "function.snap_start: true: Lambda takes it not with a function.ephemeral_storage_mb over 512, which is "
            f"{function.ephemeral_storage_mb}; write 512, or leave snap_start out"
        )


def _owner(manifest: Manifest) -> Iterator[str]:
    # https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    if manifest.owner is not None and not re.fullmatch(r"[A-Za-z0-9 _.:/=+@-]+", manifest.owner):
        yield (
            f"owner: {manifest.owner}: is a tag of what the worker has; "
            "write letters, digits, blanks and _ . : / = + - @ alone"
        )


def _stores(manifest: Manifest) -> Iterator[str]:
    for name in ("gather", "idempotency", "operations", "outbox"):
        if name in manifest.tables:
            yield f"tables.{name}: is the name of a table of the platform's own; rename it"
    for name in manifest.tables:
        if name.endswith(("-idempotency", "-gather")):
            yield f"tables.{name}: ends as a table of the platform's own; rename it"
    for name in ("claims", "packages"):
        if name in manifest.buckets:
            yield f"buckets.{name}: is the name of a bucket of the platform's own; rename it"


def _parameters(manifest: Manifest) -> Iterator[str]:
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-parameter-name-constraints.html
    for name, at in manifest.parameters.items():
        if at.lower().startswith(("/aws", "/ssm")):
            yield f"parameters.{name}: {at}: begins as names of AWS's own do; rename it"


RESERVED_VARIABLES = ("AWS_", "BUCKET_", "FANOUT_", "LAMBDA_", "PARAMETER_", "POWERTOOLS_", "SECRET_", "TABLE_")
"""How names begin that AWS sets (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html), or the
platform."""


def _environment(manifest: Manifest) -> Iterator[str]:
    for name in manifest.environment:
        if name.startswith(RESERVED_VARIABLES):
            yield f"environment.{name}: begins as names of AWS's or the platform's own do; rename it"


def _outbox(manifest: Manifest) -> Iterator[str]:
    if manifest.outbox and not manifest.publishes:
        yield "outbox: true: the relay has to know the ways of its events; name them under publishes"


def _subscriptions(manifest: Manifest) -> Iterator[str]:
    seen: set[str] = set()
    for index, subscription in enumerate(manifest.subscribes):
        if subscription.event in seen:
            yield (
                f"subscribes.{index}.event: {subscription.event}: is subscribed twice; "
                "keep one and join the conditions with $or"
            )
        seen.add(subscription.event)
        if subscription.event == "*" and manifest.via != "bus":
            yield f"subscribes.{index}.event: *: every event can only be had from the bus; write via: bus"
    if "*" in seen and len(seen) > 1:
        yield "subscribes: * takes every event already; remove the others"
        return
    try:
        routing.check(manifest)
    except PatternError as error:
        yield str(error)


def _unknown_events(manifest: Manifest, events: list[str]) -> Iterator[str]:
    named = [(f"subscribes.{i}.event", s.event) for i, s in enumerate(manifest.subscribes) if s.event != "*"]
    yield from unknown_events([*named, *published(manifest.publishes)], events)


def published(events: Iterable[str]) -> list[tuple[str, str]]:
    """Each event with its key under ``publishes``."""
    return [(f"publishes.{index}", event) for index, event in enumerate(events)]


def unknown_events(named: Iterable[tuple[str, str]], events: Collection[str]) -> Iterator[str]:
    """Those of the named events (by key) that no contract declares."""
    for key, event in named:
        if event not in events:
            hint = near_miss(event, events)
            yield f"{key}: {event}: no such event; {hint}declare it in the contracts or correct the name"


@dataclass(frozen=True)
class Declared:
    """What all workers of a project declare together: gathered once, so that 500 of them are not read 500 times."""

    tables: frozenset[str]
    buckets: frozenset[str]
    fed: bool
    """Whether a bucket gives the events of its objects."""
    sources: Mapping[str, str]
    """The first of the sources of one name in AWS, whose names have no dots."""

    @classmethod
    def of(cls, manifests: Iterable[Manifest]) -> Self:
        workers = list(manifests)
        subscribed = {it.event.partition("/")[0] for worker in workers for it in worker.subscribes}
        return cls(
            tables=frozenset(name for worker in workers for name in worker.tables),
            buckets=frozenset(name for worker in workers for name in worker.buckets),
            fed=any(bucket.events for worker in workers for bucket in worker.buckets.values()),
            sources={source.replace(".", "-"): source for source in sorted(subscribed, reverse=True)},
        )


def unknown_stores(file: str, permissions: Iterable[Permission], declared: Declared) -> Iterator[str]:
    """Permissions to a table or bucket that no worker declares."""
    for index, permission in enumerate(permissions):
        for resource in permission.resources:
            kind, _, name = resource.partition(":")
            known = {"table": declared.tables, "bucket": declared.buckets}.get(kind)
            if known is not None and name.split("/")[0] not in known:
                yield (
                    f"{file}: permissions.{index}.resources: {resource}: no worker declares it; "
                    f"add it under {kind}s of the worker that owns it"
                )


def unfed_subscriptions(file: str, manifest: Manifest, declared: Declared) -> Iterator[str]:
    """Subscriptions to events of S3 when no bucket gives any: they would be silent for ever."""
    if declared.fed:
        return
    for index, subscription in enumerate(manifest.subscribes):
        if subscription.event.startswith("aws.s3/"):
            yield (
                f"{file}: subscribes.{index}.event: {subscription.event}: no bucket declares events: true; "
                "add it to the bucket whose objects are meant"
            )


def colliding_sources(file: str, manifest: Manifest, declared: Declared) -> Iterator[str]:
    """Subscriptions to a source whose topic and rules would have the names of another's: AWS's names have no dots."""
    for index, subscription in enumerate(manifest.subscribes):
        source = subscription.event.partition("/")[0]
        if (first := declared.sources[source.replace(".", "-")]) != source:
            yield (
                f"{file}: subscribes.{index}.event: {subscription.event}: the topic of {source} would have the name "
                f"of {first}'s; rename one of the sources"
            )


def unknown_gatherers(file: str, manifest: Manifest, manifests: Mapping[str, Manifest]) -> Iterator[str]:
    """Workers whose parts are to be handled, and which gather nothing."""
    for index, name in enumerate(manifest.parts_of):
        if name not in manifests or not manifests[name].gathers:
            yield f"{file}: parts_of.{index}: {name}: no such worker gathers; write gathers: true in its worker.yaml"
