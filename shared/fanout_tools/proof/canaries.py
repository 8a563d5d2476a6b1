"""Canaries take the ways to workers and nothing else: they start no workflow, leave by no other target, and are in no
archive, from which a replay would send them again."""

from collections.abc import Iterable, Iterator

from fanout.events.canary import SOURCE_PREFIX
from fanout_tools.patterns import EVENTBRIDGE, Pattern
from fanout_tools.plans import Hop, Plan, Resource, consumers, deliveries, document, names_of
from fanout_tools.proof.findings import Finding

__all__ = ["contained"]


def contained(plan: Plan) -> Iterator[Finding]:
    """No rule of the bus hands canaries to anything but a topic or a worker's queue, and its archive keeps none."""
    sources = _sources(plan)
    for hop in deliveries(plan):
        rule = hop.writer
        if rule is None or not _of_the_bus(plan, rule) or _to_a_worker(plan, hop):
            continue
        if _takes_any(rule.get("event_pattern"), sources):
            problem = f"its rule {rule.get('name')} takes canaries, which are no events"
            fix = f"ask for the sources that it needs, none of which begins with {SOURCE_PREFIX}"
            yield Finding(address=hop.carrier.address, rule="canary", problem=problem, fix=fix)
    for archive in plan.of("aws_cloudwatch_event_archive"):
        if _takes_any(archive.get("event_pattern"), sources):
            fix = f'leave them out: source anything-but prefix "{SOURCE_PREFIX}"'
            yield Finding(address=archive.address, rule="canary", problem="keeps canaries for a replay", fix=fix)


def _sources(plan: Plan) -> set[str]:
    """Of the canaries whose way some rule is."""
    asked = (document(it.get("event_pattern")).get("source", ()) for it in plan.of("aws_cloudwatch_event_rule"))
    named = {it.removeprefix(SOURCE_PREFIX) for sources in asked for it in sources if isinstance(it, str)}
    return {f"{SOURCE_PREFIX}{it}" for it in (*named, "fanout")}


def _of_the_bus(plan: Plan, writer: Resource) -> bool:
    bus = str(writer.get("event_bus_name")).rpartition("/")[2]
    return writer.type == "aws_cloudwatch_event_rule" and bus == names_of(plan).bus


def _to_a_worker(plan: Plan, hop: Hop) -> bool:
    kind = hop.destination.type if hop.destination else ""
    return kind == "aws_sns_topic" or hop.destination_arn in {it.get("event_source_arn") for it in consumers(plan)}


def _takes_any(pattern: str | None, sources: Iterable[str]) -> bool:
    """Whether a pattern may take a canary of those sources, whatever its name and data."""
    asked = {key: value for key, value in document(pattern).items() if key not in ("detail", "detail-type")}
    if not asked:
        return True
    parsed = Pattern.parse(asked, dialect=EVENTBRIDGE)
    return any(parsed.matches({"version": "0", "source": source}) for source in sources)
