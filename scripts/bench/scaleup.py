"""Scale-up from two warm environments with a cold start of 8 s: how long do requests wait?

100 clients ask without a pause for something that takes 100 ms; an environment serves 10 at a time. Ours runs as real
processes behind the real router, the cold start simulated by waiting before the process starts. Beside it runs the
dispatch that Lambda itself does: one request per environment, and a request that finds none free waits for a new one.
That one is played by timers in this process, because it needs a hundred environments at once.
"""

import argparse
import asyncio
import sys
import time
from typing import Any

from scripts.bench.router_load import load, programs
from scripts.bench.router_load.programs import OTHER_CORE
from scripts.bench.support import format_table, machine, write_results

CLIENTS, CHANNELS, WARM = 100, 10, 2
COLD_START_S, SERVICE_S = 8.0, 0.1


def through_the_router(seconds: int) -> load.Measured:
    """Latencies of the clients of the router."""
    app = "scripts.bench.router_load.apps:asgi"
    scaling: dict[str, Any] = {
        "minimum": WARM,
        "maximum": 20,
        "channels": CHANNELS,
        "cold_start_s": COLD_START_S,
        "open_timeout_s": 60,
    }
    with programs.ours(app, **scaling) as router:
        time.sleep(COLD_START_S + 4)  # whatever was started beyond the two warm ones has come, and gone again
        return load.run(router.url("sleep"), router.pids, seconds, core=OTHER_CORE, connections=CLIENTS)


async def naive(seconds: float) -> list[float]:
    """Latencies of as many clients when each request has an environment of its own."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    idle = WARM
    took: list[float] = []

    async def client() -> None:
        nonlocal idle
        while loop.time() < until:
            asked = loop.time()
            if idle:
                idle -= 1
            else:
                await asyncio.sleep(COLD_START_S)
            await asyncio.sleep(SERVICE_S)
            idle += 1
            took.append(loop.time() - asked)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return sorted(took)


def main() -> int:
    """Run, print the table, write build/bench/scaleup.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    absent = programs.missing()
    if "h2load" in absent:
        print(f"h2load sends the load; install {absent['h2load']}", file=sys.stderr)
        return 1
    ours = through_the_router(options.seconds)
    plain = asyncio.run(naive(options.seconds))
    figures = {
        "p99_s": ours.p99_ms / 1e3,
        "max_s": ours.max_ms / 1e3,
        "naive_p99_s": plain[int(len(plain) * 0.99)],
        "naive_max_s": plain[-1],
    }
    rows = [
        {"dispatch": "ours", "requests": ours.requests, "p50_s": ours.p50_ms / 1e3, "p99_s": figures["p99_s"],
         "max_s": figures["max_s"]},
        {"dispatch": "one request per environment", "requests": len(plain), "p50_s": plain[len(plain) // 2],
         "p99_s": figures["naive_p99_s"], "max_s": figures["naive_max_s"]},
    ]  # fmt: skip
    print(machine())
    print(format_table(rows))
    print(f"written to {write_results('scaleup', rows, figures)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
