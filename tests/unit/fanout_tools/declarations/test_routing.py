"""From subscriptions to the patterns that AWS routes by, and from an event to who receives it."""

from typing import Any

import pytest

from fanout import PatternError
from fanout.publish import wrap
from fanout.testing import eventbridge_event
from fanout_tools.declarations import routing
from fanout_tools.declarations.worker import Manifest, Via
from fanout_tools.patterns import EVENTBRIDGE, SNS, Pattern

from ...fanout.conftest import ThingHappened

EVENT: dict[str, Any] = eventbridge_event(wrap(ThingHappened(number=3)))
S3_EVENT: dict[str, Any] = {
    **EVENT,
    "source": "aws.s3",
    "detail-type": "Object Created",
    "detail": {"object": {"key": "a.jpg"}},
}


def manifest(*subscribes: dict[str, Any], via: str = "topic") -> Manifest:
    return Manifest.parse({"description": "P", "subscribes": list(subscribes), "via": via}, file="f")


def test_a_rule_for_each_subscription() -> None:
    """GIVEN a worker via the bus WHEN its rules are asked for THEN each event has its own, with the data's place."""
    worker = manifest({"event": "a/B"}, {"event": "a/C", "where": {"x": [1]}}, via="bus")

    assert routing.rule_patterns(worker) == {
        "a/B": {"source": ["a", "canary.a"], "detail-type": ["B"]},
        "a/C": {"source": ["a", "canary.a"], "detail-type": ["C"], "detail": {"data": {"x": [1]}}},
    }


def test_every_event_is_a_pattern_that_all_events_match() -> None:
    """GIVEN a worker of * WHEN its rule is asked for THEN EventBridge takes it and every event matches."""
    [pattern] = routing.rule_patterns(manifest({"event": "*"}, via="bus")).values()

    assert Pattern.parse(pattern, dialect=EVENTBRIDGE).matches(EVENT)
    assert Pattern.parse(pattern, dialect=EVENTBRIDGE).matches(S3_EVENT)


def test_a_foreign_events_data_is_its_detail() -> None:
    """GIVEN a condition on an AWS service's event WHEN made a pattern THEN it looks at the detail itself."""
    [pattern] = routing.rule_patterns(
        manifest({"event": "aws.s3/Object Created", "where": {"object": {"key": [{"suffix": ".jpg"}]}}}, via="bus")
    ).values()

    assert pattern["detail"] == {"object": {"key": [{"suffix": ".jpg"}]}}
    assert Pattern.parse(pattern, dialect=EVENTBRIDGE).matches(S3_EVENT)


def test_one_filter_policy_for_a_domain() -> None:
    """GIVEN events of two domains, none with conditions WHEN filters are asked for THEN one names the events of each
    domain, however they are interleaved."""
    worker = manifest({"event": "a/B"}, {"event": "z/Y"}, {"event": "a/C"})

    assert routing.subscription_filters(worker) == {
        "a": {"detail-type": ["B", "C"]},
        "z": {"detail-type": ["Y"]},
    }


def test_events_of_one_domain_share_a_policy_with_or() -> None:
    """GIVEN two events of one domain, one with a condition WHEN filters are asked for THEN either branch may match,
    and SNS takes the policy."""
    worker = manifest({"event": "test.things/ThingHappened", "where": {"number": [3]}}, {"event": "test.things/Other"})
    [policy] = routing.subscription_filters(worker).values()

    assert policy == {
        "$or": [
            {"detail-type": ["ThingHappened"], "detail": {"data": {"number": [3]}}},
            {"detail-type": ["Other"]},
        ]
    }
    parsed = Pattern.parse(policy, dialect=SNS)
    assert parsed.matches(EVENT)
    assert not parsed.matches({**EVENT, "detail": {"data": {"number": 4}}})
    assert parsed.matches({**EVENT, "detail-type": "Other", "detail": {"data": {"number": 4}}})


def test_one_event_with_a_condition_needs_no_or() -> None:
    """GIVEN one event with a condition WHEN its filter is asked for THEN it is that alone."""
    worker = manifest({"event": "a/B", "where": {"x": [1]}})

    assert routing.subscription_filters(worker) == {"a": {"detail-type": ["B"], "detail": {"data": {"x": [1]}}}}


def test_a_refused_condition_is_named_by_its_subscription() -> None:
    """GIVEN a second subscription whose condition SNS refuses WHEN checked THEN the error names it."""
    checked = manifest({"event": "a/B"}, {"event": "a/C", "where": {"x": [{"wildcard": "y*"}]}}, via="bus")

    with pytest.raises(PatternError, match=r"^subscribes\.1\.where: .*wildcard"):
        routing.check(checked.model_copy(update={"via": Via.TOPIC}))


@pytest.mark.parametrize("via", ["topic", "bus"])
def test_who_receives_an_event(via: str) -> None:
    """GIVEN workers of this event, of another, and with conditions WHEN it is published THEN those receive it whose
    conditions it meets, each once and in order."""
    name = "test.things/ThingHappened"
    workers = {
        "plain": manifest({"event": name}, via=via),
        "other": manifest({"event": "test.things/Other"}, via=via),
        "elsewhere": manifest({"event": "elsewhere/ThingHappened"}, via=via),
        "met": manifest({"event": name, "where": {"number": [{"numeric": [">", 2]}]}}, via=via),
        "unmet": manifest({"event": name, "where": {"number": [{"numeric": [">", 3]}]}}, via=via),
        "all": manifest({"event": "*"}, via="bus"),
    }

    assert routing.recipients(EVENT, workers) == ["plain", "met", "all"]
    assert routing.recipients({**EVENT, "source": "canary.test.things"}, workers) == ["plain", "met", "all"]


def test_the_topics_worker_receives_by_the_rules_of_sns() -> None:
    """GIVEN the condition that a field exists WHEN the field is null THEN SNS, which asks for content, keeps the
    event from its worker; EventBridge does not."""
    subscription = {"event": "test.things/ThingHappened", "where": {"note": [{"exists": True}]}}
    event = {**EVENT, "detail": {"data": {"note": None}}}

    assert routing.recipients(event, {"topic": manifest(subscription), "bus": manifest(subscription, via="bus")}) == [
        "bus"
    ]
