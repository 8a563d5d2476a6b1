"""A canary for each pair of event and worker, that its filter takes and that nothing else does."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fanout.errors import CanaryError
from fanout.events.envelope import Envelope
from fanout_tools.canary.planning import Canary, Declared, Pair, Unsent, plan
from fanout_tools.declarations.worker import Manifest
from fanout_tools.patterns import EVENTBRIDGE, Pattern
from fanout_tools.project import project
from scripts.paths import REPOSITORY

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
ORDER = {"metadata": {"schema_version": 3}, "data": {"total": 20, "note": "a gift"}}
OBJECT = {"bucket": {"name": "theirs"}, "object": {"key": "holiday/beach.jpg", "size": 48213}, "reason": "CopyObject"}


def manifest(*subscribes: dict[str, Any], via: str = "bus", **sections: Any) -> Manifest:
    return Manifest.parse({"description": "P", "subscribes": list(subscribes), "via": via, **sections}, file="f")


def planned(declared: Declared) -> list[Canary | Unsent]:
    return list(plan(declared, "0a1b", NOW, NOW + timedelta(minutes=15), lambda bucket: f"here-{bucket}"))


def only(manifest: Manifest, workflows: Sequence[dict[str, Any]] = ()) -> Any:
    examples = {"shop.orders/OrderPlaced": [ORDER], "aws.s3/Object Created": [OBJECT]}
    patterns = [Pattern.parse(it, dialect=EVENTBRIDGE) for it in workflows]
    [found] = planned(Declared({"w": manifest}, examples, patterns))
    return found


@pytest.mark.parametrize("via", ["bus", "topic"])
def test_a_canary_takes_the_events_way_under_a_source_of_its_own(via: str) -> None:
    """GIVEN a worker with a filter WHEN planned THEN its canary is the golden event, changed as the filter asks, under
    the reserved source; after its time every worker drops it."""
    canary = only(manifest({"event": "shop.orders/OrderPlaced", "where": {"total": [{"numeric": [">", 25]}]}}, via=via))

    assert (canary.id, canary.pair, canary.bucket) == ("0a1b-1", Pair("shop.orders/OrderPlaced", "w"), None)
    assert (canary.source, canary.event["detail-type"]) == ("canary.shop.orders", "OrderPlaced")
    detail = canary.event["detail"]
    assert detail["data"] == {"total": 26, "note": "a gift"}
    assert detail["metadata"]["schema_version"] == 3
    assert detail["metadata"]["expires_at"] == "2026-11-28T09:15:00.000+00:00"
    assert canary.recipients == ["w"]


def test_the_core_knows_each_of_this_repositorys_canaries() -> None:
    """GIVEN the workers of this repository WHEN planned THEN each pair has a canary that the core takes for one, of
    that event, and that starts no workflow."""
    declared = Declared.read(project(REPOSITORY))

    found = planned(declared)

    assert len(found) == sum(len(it.subscribes) for it in declared.manifests.values())
    for canary in found:
        assert isinstance(canary, Canary)
        with pytest.raises(CanaryError) as caught:
            Envelope.decode(json.dumps({"id": "i", **canary.event}))
        assert caught.value.identity == canary.id
        assert caught.value.event == ("fanout/Canary" if canary.pair.event == "*" else canary.pair.event)
        assert canary.pair.worker in canary.recipients
        assert not any(it.matches(canary.event) for it in declared.workflows)


def test_who_else_gets_a_canary_is_known() -> None:
    """GIVEN others who subscribe to the event, with filters, and to every event WHEN planned THEN those are recipients
    whose filters it passes."""
    event = "shop.orders/OrderPlaced"
    workers = {
        "all": manifest({"event": "*"}),
        "few": manifest({"event": event, "where": {"total": [1]}}),
        "many": manifest({"event": event}, via="topic"),
        "other": manifest({"event": "shop.orders/OrderReturned"}),
    }
    found = {
        it.pair.worker: it.recipients for it in planned(Declared(workers, {event: [ORDER]})) if isinstance(it, Canary)
    }

    assert found == {"all": ["all"], "few": ["all", "few", "many"], "many": ["all", "many"], "other": ["all", "other"]}


def test_an_empty_object_makes_s3_send_its_own_event() -> None:
    """GIVEN a worker of S3's events, with a filter on the key WHEN planned THEN an empty object in a bucket whose
    events come to the bus is one that passes, with the canary's folder in its key."""
    where = {"object": {"key": [{"suffix": ".png"}]}}
    canary = only(manifest({"event": "aws.s3/Object Created", "where": where}, buckets={"uploads": {"events": True}}))

    assert (canary.bucket, canary.key, canary.source) == ("here-uploads", "fanout-canary/0a1b-1.png", "aws.s3")
    assert canary.event["detail"]["object"]["size"] == 0


@pytest.mark.parametrize(
    ("where", "workflows"),
    [
        ({"object": {"key": ["one.jpg"]}}, []),
        ({"object": {"size": [{"numeric": [">", 0]}]}}, []),
        ({}, [{"source": ["aws.s3"], "detail-type": ["Object Created"]}]),
    ],
)
def test_without_such_an_object_the_bus_is_told_in_s3s_place(where: Any, workflows: list[dict[str, Any]]) -> None:
    """GIVEN a filter that no empty object in the folder passes, or a workflow that it would start WHEN planned THEN the
    event is put on the bus, under the reserved source."""
    subscription = {"event": "aws.s3/Object Created", **({"where": where} if where else {})}
    canary = only(manifest(subscription, buckets={"uploads": {"events": True}}), workflows)

    assert (canary.bucket, canary.source) == (None, "canary.aws.s3")


def test_a_service_that_has_no_golden_event_is_told_in_its_place() -> None:
    """GIVEN another service of AWS WHEN planned THEN an event that passes the filter is put on the bus."""
    canary = only(manifest({"event": "aws.ec2/State", "where": {"state": [{"prefix": "run"}]}}))

    assert canary.source == "canary.aws.ec2"
    assert canary.event["detail"]["state"].startswith("run")


def test_a_filter_that_cannot_be_met_is_told() -> None:
    """GIVEN a filter that nothing made up passes WHEN planned THEN there is no canary, and the reason is told."""
    never = {"a": [{"anything-but": {"wildcard": "*"}}]}
    unsent = only(manifest({"event": "shop.orders/OrderPlaced", "where": never}))

    assert isinstance(unsent, Unsent)
    assert "add a golden event" in unsent.reason


def test_workflows_are_read_as_terraform_reads_them(tmp_path: Path) -> None:
    """GIVEN workflows with filters WHEN read THEN the filter is of the data, but of the detail where it is AWS's."""
    for name, text in {
        "plain": "event: a/B",
        "own": "event: a/B\nwhere: {x: [1]}",
        "aws": "event: aws.s3/Object Created\nwhere: {object: {key: [k]}}",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "workflow.yaml").write_text(text)

    read = Declared.read(replace(project(REPOSITORY), services=tmp_path))

    assert [it.source for it in read.workflows] == [
        {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"object": {"key": ["k"]}}},
        {"source": ["a"], "detail-type": ["B"], "detail": {"data": {"x": [1]}}},
        {"source": ["a"], "detail-type": ["B"]},
    ]
