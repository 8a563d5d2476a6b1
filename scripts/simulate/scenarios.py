"""What arrives in each scenario, and what goes wrong."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Arrival = tuple[float, float]
"""When a request comes and how long it takes, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Arrivals, and the account's troubles."""

    name: str
    arrivals: list[Arrival]
    warm: int = 0
    lifetime_s: float = 0.0
    """Mean life of an environment before it dies; 0: it does not."""
    concurrency: int = 1_000_000
    """Environments that the account allows at a time."""


def _poisson(rate: Callable[[float], float], until: float, chance: random.Random, top: float) -> Iterator[float]:
    """Arrivals of a Poisson process whose rate changes, by thinning."""
    now = 0.0
    while True:
        now += chance.expovariate(top)
        if now >= until:
            return
        if chance.random() < rate(now) / top:
            yield now


def _service(chance: random.Random) -> float:
    return chance.lognormvariate(-2.43, 0.5)  # median 88 ms, mean 100 ms


def scenarios(seed: int = 1) -> list[Scenario]:
    """All scenarios; the same for the same seed."""
    chance = random.Random(seed)

    def arrivals(rate: Callable[[float], float], top: float, until: float = 120.0) -> list[Arrival]:
        return [(when, _service(chance)) for when in _poisson(rate, until, chance, top)]

    tail = [(when, 5.0 if chance.random() < 0.01 else took) for when, took in arrivals(lambda _: 200, 200)]
    return [
        Scenario(name="steady", arrivals=arrivals(lambda _: 200, 200), warm=3),
        Scenario(name="ramp", arrivals=arrivals(lambda now: 5 + 4 * now, 500), warm=1),
        Scenario(name="spike from zero", arrivals=arrivals(lambda now: 400 if now > 5 else 0.001, 400)),
        Scenario(name="spike from two warm", arrivals=arrivals(lambda now: 600 if now > 30 else 20, 600), warm=2),
        Scenario(name="slow tail", arrivals=tail, warm=4),
        Scenario(name="flapping", arrivals=arrivals(lambda _: 200, 200), warm=4, lifetime_s=20.0),
        Scenario(name="throttled", arrivals=arrivals(lambda _: 400, 400), warm=2, concurrency=6),
    ]
