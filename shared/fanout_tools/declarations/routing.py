"""From a worker's subscriptions to the patterns that AWS routes by, and from an event to who receives it.

``terraform/modules/platform`` builds the same patterns from the same files; the integration tests hold them together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from fanout.errors import PatternError
from fanout.events.canary import SOURCE_PREFIX
from fanout.publish.routes import BUS_BYTES, QUEUE_BYTES, TOPIC_BYTES, WRAPPING_BYTES, Path, Route, Routes
from fanout_tools.patterns import EVENTBRIDGE, SNS, Pattern

if TYPE_CHECKING:
    from fanout_tools.declarations.naming import Names
    from fanout_tools.declarations.worker import Manifest, Subscription

__all__ = [
    "check",
    "patterns_of",
    "recipients",
    "routes",
    "rule_patterns",
    "subscription_filters",
    "topic_pattern",
    "unbound",
]


def topic_pattern(source: str) -> dict[str, Any]:
    """The EventBridge pattern of the rule from the bus to a domain's topic."""
    return {"source": _sources(source)}


def unbound(names: Names, pattern: Mapping[str, Any]) -> dict[str, Any]:
    """A rule's pattern as declared: where the deployment is on the default bus, rules for S3's events are bound to the
    deployment's own buckets, as elsewhere the rule is that brings those events over."""
    detail = dict(pattern.get("detail", {}))
    if not names.takes_aws_events or "aws.s3" not in pattern.get("source", ()) or "bucket" not in detail:
        return dict(pattern)
    detail["bucket"] = {key: value for key, value in detail["bucket"].items() if key != "name"}
    kept = {key: value for key, value in detail.items() if value}
    return {**{key: value for key, value in pattern.items() if key != "detail"}, **({"detail": kept} if kept else {})}


def rule_patterns(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """The EventBridge pattern of each subscription of a ``via: bus`` worker, by the event's name."""
    return {subscription.event: _rule_pattern(subscription) for subscription in manifest.subscribes}


def subscription_filters(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """The SNS filter policy (scope MessageBody) of a ``via: topic`` worker, by the domain's source.

    SNS holds one subscription per topic and queue, so several events of one domain share a policy.
    """

    def source(subscription: Subscription) -> str:
        return subscription.event.partition("/")[0]

    return {
        domain: _filter_policy(list(subscriptions))
        for domain, subscriptions in groupby(sorted(manifest.subscribes, key=source), key=source)
    }


def check(manifest: Manifest) -> None:
    """Whether the services would take the worker's patterns.

    :raises PatternError: with the key of the subscription.
    """
    for index, subscription in enumerate(manifest.subscribes):
        try:
            if manifest.via == "bus":
                Pattern.parse(_rule_pattern(subscription), dialect=EVENTBRIDGE)
            else:
                Pattern.parse(_filter_policy([subscription]), dialect=SNS)
        except PatternError as error:
            raise PatternError(f"subscribes.{index}.where: {error}") from error
    if manifest.via == "topic":
        _check_together(manifest)


def _check_together(manifest: Manifest) -> None:
    """What SNS would say of the events of one domain in one policy, whose limits they share."""
    domains = Counter(it.event.partition("/")[0] for it in manifest.subscribes)
    for domain, policy in subscription_filters(manifest).items():
        if domains[domain] == 1:  # it has been parsed by itself
            continue
        try:
            Pattern.parse(policy, dialect=SNS)
        except PatternError as error:
            raise PatternError(
                f"subscribes: {domain}: its events share one SNS filter policy: {error}; "
                "or write via: bus, where each has a rule of its own"
            ) from error


def recipients(event: Mapping[str, Any], manifests: Mapping[str, Manifest]) -> list[str]:
    """The workers that would receive the event (as EventBridge delivers it), in the order of ``manifests``."""
    return [worker for worker, manifest in manifests.items() if any(p.matches(event) for p in _patterns(manifest))]


def routes(events: Iterable[str], manifests: Mapping[str, Manifest], *, queue_bytes: int = QUEUE_BYTES) -> Routes:
    """The ways of the events (``<source>/<Name>``) to all their subscribers.

    A domain's topic takes every event of the domain, whether or not a subscription behind it wants that one.

    :param queue_bytes: what the workers' queues take of a message.
    """
    topics = {
        subscription.event.partition("/")[0]
        for manifest in manifests.values()
        if manifest.via == "topic"
        for subscription in manifest.subscribes
    }
    subscriptions = [each for manifest in manifests.values() for each in manifest.subscribes]

    def route(event: str) -> Route:
        hops = [BUS_BYTES, queue_bytes, *([TOPIC_BYTES] if event.partition("/")[0] in topics else [])]
        wanted = [each for each in subscriptions if each.event in (event, "*")]
        filtered = frozenset(path for each in wanted for path in _fields(each.where))
        return Route(max_bytes=min(hops) - WRAPPING_BYTES, filtered=filtered)

    return Routes({event: route(event) for event in events})


def _fields(where: Mapping[str, Any]) -> Iterable[Path]:
    """The paths of all fields that a condition asks for; a key with dots is a path."""
    for key, condition in where.items():
        # What is no choice for SNS is none for EventBridge, which refuses it.
        if SNS.is_or(key, condition):
            for alternative in condition:
                yield from _fields(alternative)
        elif isinstance(condition, Mapping):
            yield from ((*key.split("."), *path) for path in _fields(condition))
        else:
            yield tuple(key.split("."))


def patterns_of(manifest: Manifest, event: str) -> list[Pattern]:
    """What decides whether the worker gets such an event (``<source>/<Name>``): any of them has to match."""
    taken = [each for each in manifest.subscribes if each.event in (event, "*")]
    return list(_patterns(manifest.model_copy(update={"subscribes": taken})))


def _patterns(manifest: Manifest) -> Iterable[Pattern]:
    """What decides on the worker's behalf: EventBridge's rules, or SNS's filters each on its domain's topic."""
    if manifest.via == "bus":
        for pattern in rule_patterns(manifest).values():
            yield Pattern.parse(pattern, dialect=EVENTBRIDGE)
        return
    for subscription in manifest.subscribes:
        domain = subscription.event.partition("/")[0]
        yield Pattern.parse({**topic_pattern(domain), **_filter_policy([subscription])}, dialect=SNS)


def _rule_pattern(subscription: Subscription) -> dict[str, Any]:
    if subscription.event == "*":
        # Every event that EventBridge delivers carries version 0; a pattern may not be empty.
        return {"version": ["0"], **_where(subscription)}
    source, _, name = subscription.event.partition("/")
    return {"source": _sources(source), "detail-type": [name], **_where(subscription)}


def _sources(source: str) -> list[str]:
    """With that of its canaries, which take the same way."""
    return [source, f"{SOURCE_PREFIX}{source}"]


def _filter_policy(subscriptions: list[Subscription]) -> dict[str, Any]:
    names = [subscription.event.partition("/")[2] for subscription in subscriptions]
    if not any(subscription.where for subscription in subscriptions):
        return {"detail-type": names}
    each = [
        {"detail-type": [name], **_where(subscription)} for name, subscription in zip(names, subscriptions, strict=True)
    ]
    return each[0] if len(each) == 1 else {"$or": each}


def _where(subscription: Subscription) -> dict[str, Any]:
    if not subscription.where:
        return {}
    # An AWS service's own events carry no envelope: their data is the detail itself.
    return {"detail": subscription.where if subscription.event.startswith("aws.") else {"data": subscription.where}}
