"""An event that no worker subscribes to is kept, and not lost in silence: a misspelt name is seen there."""

from collections.abc import Iterator, Mapping

from fanout_tools.declarations.worker import Manifest
from fanout_tools.patterns import EVENTBRIDGE, Pattern
from fanout_tools.plans import Hop, Plan, consumers, deliveries, document, names_of
from fanout_tools.proof.findings import Finding

__all__ = ["unmatched_kept"]

_UNKNOWN = "x-no-worker-subscribes-to-this"


def unmatched_kept(plan: Plan, manifests: Mapping[str, Manifest]) -> Iterator[Finding]:
    """Events of an unknown source, and those of each known source with an unknown name, are kept somewhere.

    The rules' own patterns decide, on one such event each.
    """
    events = [it.event for manifest in manifests.values() for it in manifest.subscribes]
    sources = sorted({event.partition("/")[0] for event in events if event != "*"})
    keeping = [
        Pattern.parse(document(hop.writer.get("event_pattern")), dialect=EVENTBRIDGE)
        for hop in _keepers(plan)
        if hop.writer
    ]
    for source in [_UNKNOWN, *sources]:
        event = {"version": "0", "source": source, "detail-type": _UNKNOWN, "detail": {}}
        if not any(pattern.matches(event) for pattern in keeping):
            what = "an unknown source" if source == _UNKNOWN else f"an unknown name of {source}"
            problem, fix = f"events of {what} are lost in silence", "give them a rule to a queue with an alarm"
            bus = next(plan.of("aws_cloudwatch_event_bus"))
            yield Finding(address=bus.address, rule="unmatched", problem=problem, fix=fix)


def _keepers(plan: Plan) -> list[Hop]:
    """The hops from the platform's bus to where events stay: a queue that no function empties, so that an
    alarm is owed on it."""
    bus, consumed = names_of(plan).bus, {it.get("event_source_arn") for it in consumers(plan)}
    return [
        hop
        for hop in deliveries(plan)
        if hop.writer
        and str(hop.writer.get("event_bus_name")).rpartition("/")[2] == bus
        and hop.writer.get("state") != "DISABLED"
        and hop.destination
        and hop.destination.type == "aws_sqs_queue"
        and hop.destination_arn not in consumed
    ]
