"""How many events a second one core matches against 1, 30, 300 and 3,000 rules, beside moto's matcher.

Both match the same events against the same rules: a source, a detail-type, and a few filters over the data
each, as workers declare them. Both must find the same rules, or the run fails. moto asks each rule in turn, as
it does for PutEvents.

Both are given the events parsed, and as the text that they arrive as, which each parses with what it comes
with: orjson here, the standard library's json in moto. A last line is for nested arrays: one event of 2,000
objects with 10 objects each, and a rule over both levels.
"""

import json
import random
from collections.abc import Callable
from typing import Any

import orjson
from moto.events.models import EventPattern

from fanout_tools.patterns import Pattern, RuleIndex
from scripts.bench.support import Row, cpu_seconds_per_operation, format_table, machine, write_results

RULE_COUNTS = (1, 30, 300, 3_000)
DOMAINS = (
    "orders",
    "payments",
    "stock",
    "shipping",
    "customers",
    "catalogue",
    "returns",
    "reviews",
    "carts",
    "ads",
)
EVENT_TYPES = ("Placed", "Changed", "Paid", "Cancelled", "Refunded", "Shipped", "Delivered", "Failed")
COUNTRIES = ("DE", "FR", "IT", "ES", "PL", "NL", "SE", "AT")
STATUSES = ("new", "open", "held", "done", "test")
EVENTS = 1_000
MOTO_CHECKS = 30_000
"""How many times moto asks a rule in one round; its events are as many fewer as there are more rules."""

Document = dict[str, Any]


def make_event(chance: random.Random) -> Document:
    """One event in fanout's envelope; every tenth lacks the optional fields of its data."""
    domain, name = chance.choice(DOMAINS), chance.choice(EVENT_TYPES)
    identity = f"{chance.getrandbits(128):032x}"
    data: Document = {
        "order_id": f"{chance.choice('ABC')}-{chance.randrange(10**6):06}",
        "status": chance.choice(STATUSES),
        "total": {"amount": chance.randrange(1, 100_000) / 100, "currency": "EUR"},
        "lines": [{"sku": f"sku-{chance.randrange(100)}", "count": chance.randrange(1, 5)} for _ in range(3)],
    }
    if chance.random() > 0.1:
        data |= {
            "country": chance.choice(COUNTRIES),
            "email": f"{identity[:8]}@{chance.choice(COUNTRIES)}.example.com",
        }
    metadata = {
        "event_id": identity,
        "schema_version": 2,
        "correlation_id": identity,
        "subject": data["order_id"],
    }
    return {
        "version": "0",
        "id": identity,
        "detail-type": f"{domain.title()}{name}",
        "source": f"shop.{domain}",
        "account": "111122223333",
        "time": "2026-01-31T12:00:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": {"metadata": metadata, "data": data},
    }


def make_rule(chance: random.Random) -> Document:
    """One rule as a worker declares it: source, detail-type, and one to three filters over the data."""
    domain = chance.choice(DOMAINS)
    names = chance.sample(EVENT_TYPES, chance.choice((1, 1, 1, 2)))
    filters: list[Callable[[], Document]] = [
        lambda: {"country": chance.sample(COUNTRIES, chance.randrange(1, 4))},
        lambda: {"total": {"amount": [{"numeric": [">", chance.randrange(900)]}]}},
        lambda: {"status": [{"anything-but": chance.sample(STATUSES, 2)}]},
        lambda: {"order_id": [{"prefix": chance.choice("ABC") + "-"}]},
        lambda: {"email": [{"suffix": f"@{chance.choice(COUNTRIES)}.example.com"}]},
        lambda: {"country": [{"exists": chance.choice((True, False))}]},
    ]
    data: Document = {}
    for chosen in chance.sample(filters, chance.choice((1, 2, 2, 3))):
        data |= chosen()
    types = [f"{domain.title()}{name}" for name in names]
    return {"source": [f"shop.{domain}"], "detail-type": types, "detail": {"data": data}}


def run(count: int, events: list[Document], rounds: int) -> Row:
    """One line of the table: both matchers on ``count`` rules."""
    chance = random.Random(count)
    sources = {f"rule-{number}": make_rule(chance) for number in range(count)}
    index = RuleIndex({name: Pattern.parse(source) for name, source in sources.items()})
    moto = {name: EventPattern(None, source) for name, source in sources.items()}
    fewer = events[: max(3, min(len(events), MOTO_CHECKS // count))]

    def ask_moto(event: Document) -> tuple[str, ...]:
        return tuple(name for name, pattern in moto.items() if pattern.matches_event(event))  # type: ignore[arg-type]

    differing = [event["id"] for event in fewer if ask_moto(event) != index.match(event)]
    if differing:
        raise SystemExit(f"{count} rules: the matchers disagree on {len(differing)} events, first {differing[0]}")

    texts = [json.dumps(event) for event in events]

    def with_fanout() -> int:
        for _ in range(5):
            for event in events:
                index.match(event)
        return 5 * len(events)

    def with_fanout_from_text() -> int:
        for _ in range(5):
            for text in texts:
                index.match(orjson.loads(text))
        return 5 * len(texts)

    def with_moto() -> int:
        for event in fewer:
            ask_moto(event)
        return len(fewer)

    def with_moto_from_text() -> int:
        for text in texts[: len(fewer)]:
            ask_moto(json.loads(text))
        return len(fewer)

    seconds = cpu_seconds_per_operation(
        {
            "fanout": with_fanout,
            "fanout from text": with_fanout_from_text,
            "moto": with_moto,
            "moto from text": with_moto_from_text,
        },
        rounds,
    )
    return {
        "rules": count,
        "rules matched per event": sum(len(index.match(event)) for event in events) / len(events),
        "fanout us/event": seconds["fanout"] * 1e6,
        "fanout events/s": 1 / seconds["fanout"],
        "moto events/s": 1 / seconds["moto"],
        "times moto": seconds["moto"] / seconds["fanout"],
        "from text: fanout us/event": seconds["fanout from text"] * 1e6,
        "from text: fanout events/s": 1 / seconds["fanout from text"],
        "from text: moto events/s": 1 / seconds["moto from text"],
        "from text: times moto": seconds["moto from text"] / seconds["fanout from text"],
    }


def run_nested(rounds: int) -> Row:
    """The line for one event of 2,000 objects in an array, with 10 objects each, in seconds of CPU."""
    lines = [
        {"sku": f"sku-{line}", "parts": [{"x": line % 7, "y": part} for part in range(10)]} for line in range(2_000)
    ]
    text = orjson.dumps({"lines": lines})
    event = orjson.loads(text)
    # sku-7 has parts, but of another kind: each level matches by itself, no element does.
    index = RuleIndex({"rule": Pattern.parse({"lines": {"sku": ["sku-7"], "parts": {"x": [3], "y": [5]}}})})

    def match() -> int:
        index.match(event)
        return 1

    def match_text() -> int:
        index.match(orjson.loads(text))
        return 1

    seconds = cpu_seconds_per_operation({"parsed": match, "from text": match_text}, rounds)
    return {
        "nested arrays": "2,000 x 10",
        "fanout ms/event": seconds["parsed"] * 1e3,
        "from text: fanout ms/event": seconds["from text"] * 1e3,
    }


def main() -> None:
    """Run, print the table, write the results."""
    chance = random.Random(0)
    events = [make_event(chance) for _ in range(EVENTS)]
    rows = [run(count, events, rounds=7) for count in RULE_COUNTS]
    nested = run_nested(rounds=7)
    figures = {"vs_moto_300_rules": rows[RULE_COUNTS.index(300)]["times moto"]}
    for count, row in zip(RULE_COUNTS, rows, strict=True):
        rules = f"{count}_rule" if count == 1 else f"{count}_rules"
        figures[f"events_per_s_{rules}"] = row["fanout events/s"]
        figures[f"text_events_per_s_{rules}"] = row["from text: fanout events/s"]
        figures[f"text_vs_moto_{rules}"] = row["from text: times moto"]
    figures["nested_ms"] = nested["fanout ms/event"]
    figures["text_nested_ms"] = nested["from text: fanout ms/event"]
    print(machine())
    print(format_table(rows))
    print(format_table([nested]))
    print(f"written to {write_results('patterns', [*rows, nested], figures)}")


if __name__ == "__main__":
    main()
