"""A bill added up: by event, by worker, by service; what dominates, and what the levers would change."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from fanout_tools.cost.inventory import Inventory, Worker
from fanout_tools.cost.mix import Mix, Traffic
from fanout_tools.cost.model import bill, loads, upkeep
from fanout_tools.cost.prices import Line, Prices
from fanout_tools.declarations.worker import IdempotencyMode

__all__ = ["LEVERS", "Report", "report"]

MILLION: Final = 1e6
Change = Callable[[Inventory], Inventory]


@dataclass(frozen=True, kw_only=True)
class Report:
    """The bill of a month, with what it was calculated from."""

    lines: list[Line]
    traffic: Traffic
    inventory: Inventory
    mix: Mix
    prices: Prices

    @property
    def total(self) -> float:
        """Dollars a month."""
        return sum(it.usd for it in self.lines)

    def events(self) -> list[dict[str, Any]]:
        """A row for each kind of event: dollars for a million of them, the month's own left out."""
        rows = []
        for event, count in self.traffic.events.items():
            own = [it for it in self.lines if it.event == event]
            usd = sum(it.usd for it in own)
            rows.append(
                {
                    "event": event,
                    "events": round(count),
                    "bytes": self.traffic.bytes[event],
                    "workers": len({it.worker for it in own if it.worker}),
                    "$ per million": _money(usd / count * MILLION if count else 0.0),
                    "$ per month": _money(usd),
                    "most of it": _most(own),
                }
            )
        return sorted(rows, key=lambda it: -it["$ per month"])

    def workers(self) -> list[dict[str, Any]]:
        """A row for each worker: dollars for a million records, and what it costs by the month alone."""
        rows = []
        for load in loads(self.inventory, self.traffic, self.mix):
            own = [it for it in self.lines if it.worker == load.worker.name]
            caused = sum(it.usd for it in own if it.event)
            records = sum(load.records.values())
            rows.append(
                {
                    "worker": load.worker.name,
                    "records": round(records),
                    "records a batch": round(load.fill, 2),
                    "$ per million": _money(caused / records * MILLION if records else 0.0),
                    "$ per month": _money(caused),
                    "$ idle": _money(sum(it.usd for it in own if not it.event)),
                    "most of it": _most(own),
                }
            )
        return sorted(rows, key=lambda it: -(it["$ per month"] + it["$ idle"]))

    def services(self) -> list[dict[str, Any]]:
        """A row for each item of a service, the dearest first."""
        items: dict[tuple[str, str], list[Line]] = {}
        for it in self.lines:
            items.setdefault((it.service, it.item), []).append(it)
        rows = [
            {
                "service": service,
                "item": item,
                "quantity": round(sum(it.quantity for it in lines), 3),
                "unit": lines[0].unit,
                "$ per month": _money(usd := sum(it.usd for it in lines)),
                "share": f"{100 * usd / self.total:.1f} %" if self.total else "-",
            }
            for (service, item), lines in items.items()
        ]
        return sorted(rows, key=lambda it: -it["$ per month"])

    def levers(self) -> list[dict[str, Any]]:
        """A row for each lever that would change something: what the month would cost more or less."""
        rows = []
        for lever, change in LEVERS.items():
            changed = _calculated(change(self.inventory), self.traffic, self.mix, self.prices)
            difference = sum(it.usd for it in changed) - self.total
            if abs(difference) >= 0.005:
                rows.append({"lever": lever, "$ per month": _money(difference)})
        return sorted(rows, key=lambda it: it["$ per month"])

    def unverified(self) -> list[str]:
        """The prices of this bill that could not be verified."""
        return sorted({it.price for it in self.lines if it.usd and self.prices[it.price].dated is None})


def report(inventory: Inventory, traffic: Traffic, mix: Mix, prices: Prices) -> Report:
    """Calculate a month."""
    lines = _calculated(inventory, traffic, mix, prices)
    return Report(lines=lines, traffic=traffic, inventory=inventory, mix=mix, prices=prices)


def _calculated(inventory: Inventory, traffic: Traffic, mix: Mix, prices: Prices) -> list[Line]:
    return [*bill(inventory, traffic, mix, prices), *upkeep(inventory, traffic, mix, prices)]


def _most(lines: Iterable[Line]) -> str:
    """The item that costs most, with its share."""
    items: dict[str, float] = {}
    for it in lines:
        name = f"{it.service}: {it.item}"
        items[name] = items.get(name, 0.0) + it.usd
    total = sum(items.values())
    if not total:
        return "-"
    name, usd = max(items.items(), key=lambda it: it[1])
    return f"{name}, {100 * usd / total:.0f} %"


def _money(usd: float) -> float:
    return round(usd, 4)


def _each(**changes: Any) -> Change:
    """Every worker with other values."""
    return lambda inventory: _workers(inventory, lambda it: replace(it, **changes))


def _workers(inventory: Inventory, change: Callable[[Worker], Worker]) -> Inventory:
    return replace(inventory, workers={name: change(it) for name, it in inventory.workers.items()})


def _batch(size: int, seconds: int) -> Change:
    """Batches of at least so many, for which standard queues wait at least so long: FIFO queues have no window."""

    def change(it: Worker) -> Worker:
        window = it.window_s if it.fifo else max(it.window_s, seconds)
        return replace(it, batch_size=max(it.batch_size, size), window_s=window)

    return lambda inventory: _workers(inventory, change)


def _mode(mode: IdempotencyMode, *, of: Iterable[IdempotencyMode]) -> Change:
    return lambda inventory: _workers(inventory, lambda it: replace(it, mode=mode) if it.mode in of else it)


def _by_rule(inventory: Inventory) -> Inventory:
    """Each subscription a rule of its own: nothing passes a topic."""
    ways = tuple(replace(it, topic=None) for it in inventory.ways)
    return replace(inventory, ways=ways, topics=dict.fromkeys(inventory.topics, ()))


LEVERS: Final[Mapping[str, Change]] = {
    "batch.window_s: 1 or more": _batch(1, 1),
    "batch.window_s: 5 or more": _batch(1, 5),
    "batch.window_s: 60 or more": _batch(1, 60),
    "batch: size 10 or more, window_s 5 or more": _batch(10, 5),
    "idempotency: claim in place of strict": _mode(IdempotencyMode.CLAIM, of={IdempotencyMode.STRICT}),
    "idempotency: off": _mode(IdempotencyMode.OFF, of=set(IdempotencyMode)),
    "function.architecture: arm64": _each(architecture="arm64"),
    "function.architecture: x86_64": _each(architecture="x86_64"),
    "via: bus in place of topic": _by_rule,
    "no archive": lambda inventory: replace(inventory, archives=()),
}
