"""The router beside plain reverse proxies: CPU per request, rate, latency, memory; one core for each, in one run.

The programs are measured in turn, round by round, and the median over rounds counts. Ours runs with every feature on
(limits, deadlines, metrics, secrets); the others are plain. What is behind, and the load generator, have the other
core. Ours is measured from its sources, with its hot path compiled as its image has it (``--no-compiled`` leaves that
out), and compiled behind a proxy whose word on the client it believes, as it does behind a load balancer. A program
that is not installed is named, and its rows are left out. Times are of requests on open connections: the first half
second of each measurement, in which all connections are opened at once, does not count for them.

Three loads: the same small request again and again, in three sizes of answer; requests as a load balancer passes them
on, each with another target, client address, trace id and cookie, from several hundred clients; and POSTs with 2 KB of
JSON. Small requests are sent over HTTP/2 too, the same and varied.

The CPU time of the adapter (an environment's process) is compared with uvicorn serving the same ASGI app.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from scripts.bench.router_load import load, programs
from scripts.bench.router_load.apps import SIZES
from scripts.bench.router_load.load import Measured
from scripts.bench.router_load.programs import OTHER_CORE, Program
from scripts.bench.support import format_table, machine, write_results

RATE = 1_000.0
PACED = f"200B at {RATE:g}/s"
VARIED, POSTED = "200B varied", "200B for 2 KB"
TWO = "ours, 2 processes"
COMPILED, BEHIND = "ours, compiled", "ours, compiled, behind a proxy"
H2, H2_VARIED = "200B over HTTP/2", "200B varied over HTTP/2"
PACED_S = 5
"""Seconds of a paced measurement: its few requests need longer for a p99."""
SETTLING_S = 0.5

Start = Callable[[Path, Program], AbstractContextManager[Program]]
Samples = dict[tuple[str, str], list[Measured]]

PEERS: dict[str, Start] = {
    "haproxy": programs.haproxy,
    "nginx": programs.nginx,
    "nghttpx": programs.nghttpx,
    "uvicorn+httpx": programs.uvicorn_httpx,
}


@contextmanager
def all_running(absent: dict[str, str], *, compiled: bool) -> Iterator[list[Program]]:
    """Ours and every peer that is here, before one upstream."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        behind = stack.enter_context(programs.upstream(folder))
        running = [stack.enter_context(programs.ours()), stack.enter_context(programs.ours(processes=2))]
        if compiled:
            package = programs.compiled(folder / "compiled")
            running.append(stack.enter_context(programs.ours(package=package)))
            running.append(stack.enter_context(programs.ours(package=package, trusts="127.0.0.0/8")))
        running += [
            stack.enter_context(start(folder, behind))
            for name, start in PEERS.items()
            if name.partition("+")[0] not in absent
        ]
        yield running


LOADS: dict[str, Callable[[Program, int], Measured]] = {
    **{
        size: lambda program, seconds, size=size: load.run(  # type: ignore[misc]
            program.url(size), program.pids, seconds, core=OTHER_CORE, settling_s=SETTLING_S
        )
        for size in SIZES
    },
    VARIED: lambda program, seconds: load.run_varied(program.url("200B"), program.pids, seconds, core=OTHER_CORE),
    POSTED: lambda program, seconds: load.run_varied(
        program.url("200B"), program.pids, seconds, core=OTHER_CORE, post=True
    ),
    H2: lambda program, seconds: load.run(
        program.url("200B", h2=True), program.pids, seconds, core=OTHER_CORE, settling_s=SETTLING_S, h2=True
    ),
    H2_VARIED: lambda program, seconds: load.run_varied_h2(
        program.h2_port, "200B", program.pids, seconds, core=OTHER_CORE
    ),
    PACED: lambda program, _: load.run(
        program.url("200B"), program.pids, PACED_S, core=OTHER_CORE, per_second=RATE, settling_s=SETTLING_S
    ),
}
"""What is sent, by the name in the table."""


def measure(running: list[Program], loads: list[str], rounds: int, seconds: int) -> Samples:
    """Each load and program in turn, ``rounds`` times."""
    samples: Samples = {}
    for program in running:
        load.run(program.url("200B"), program.pids, 1, core=OTHER_CORE)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for what in loads:
            for program in running:
                if takes(program, what):
                    samples.setdefault((program.name, what), []).append(LOADS[what](program, seconds))
    return samples


def takes(program: Program, what: str) -> bool:
    """Whether a program is measured with a load: the slow one, and two processes of ours, with some alone."""
    if program.name == BEHIND:
        return what in (VARIED, POSTED, H2_VARIED)
    if program.workers:
        return what in ("200B", VARIED)
    return program.h2_port != 0 or what in (*SIZES, PACED)


def median(samples: list[Measured], key: str) -> float:
    """The median of one quantity over the rounds."""
    return statistics.median(float(getattr(sample, key)) for sample in samples)


def adapter_against_uvicorn(rounds: int, seconds: int) -> dict[str, list[float]]:
    """CPU microseconds per request of the adapter and of uvicorn, serving the same ASGI app."""
    app = "scripts.bench.router_load.apps:asgi"
    found: dict[str, list[float]] = {"adapter": [], "uvicorn": []}
    with programs.ours(app) as router, programs.uvicorn(app) as direct:
        for _ in range(rounds):
            for name, program, pid in (("adapter", router, router.adapter_pid), ("uvicorn", direct, direct.pid)):
                found[name].append(load.run(program.url("200B"), (pid,), seconds, core=OTHER_CORE).cpu_us)
    return found


def rows(samples: Samples) -> list[dict[str, object]]:
    """The table."""
    return [
        {
            "program": name,
            "load": what,
            "cpu_us": round(median(each, "cpu_us"), 1),
            "requests_per_s": round(median(each, "rate")),
            "p50_ms": round(median(each, "p50_ms"), 3),
            "p99_ms": round(median(each, "p99_ms"), 3),
            "mb_per_s": round(median(each, "rate") * SIZES[what.split()[0]] / 1e6, 1),
            "memory_mb": round(median(each, "memory_mb"), 1),
        }
        for (name, what), each in sorted(samples.items(), key=lambda item: item[0][1])
    ]


def figures(samples: Samples) -> dict[str, float]:
    """The figures that others read; those of a program that is not here are left out. Before the keys of the compiled
    router stands ``compiled_``, and ``behind_a_proxy_`` where that believes its peer what it says of the client.
    """
    found = beside_peers(samples, "ours")
    for prefix, program in (("compiled_", COMPILED), ("behind_a_proxy_", BEHIND)):
        found |= {prefix + key: value for key, value in beside_peers(samples, program).items()}
    if (TWO, VARIED) in samples:
        found["cpu_two_processes_vs_one"] = cpu_ratio(samples, "ours", VARIED, TWO)
    return found


def beside_peers(samples: Samples, program: str) -> dict[str, float]:
    """A program's CPU time over that of each peer, and its times beside haproxy's."""
    found = {
        key: cpu_ratio(samples, peer, what, program)
        for key, (peer, what) in RATIOS.items()
        if (peer, what) in samples and (program, what) in samples
    }
    if {("haproxy", PACED), (program, PACED)} <= samples.keys():
        ours, theirs = samples[program, PACED], samples["haproxy", PACED]
        found["p50_ms_over_haproxy_at_1000"] = median(ours, "p50_ms") - median(theirs, "p50_ms")
        found["p99_vs_haproxy_at_1000"] = median(ours, "p99_ms") / median(theirs, "p99_ms")
    return found


RATIOS = {
    **{f"cpu_{size}_vs_haproxy": ("haproxy", size) for size in SIZES},
    "cpu_varied_vs_haproxy": ("haproxy", VARIED),
    "cpu_post_2KB_vs_haproxy": ("haproxy", POSTED),
    "cpu_h2_vs_nghttpx": ("nghttpx", H2),
    "cpu_h2_varied_vs_nghttpx": ("nghttpx", H2_VARIED),
    "cpu_200B_vs_uvicorn_httpx": ("uvicorn+httpx", "200B"),
}
"""Figures that are our CPU time per request over a peer's, by peer and load."""


def cpu_ratio(samples: Samples, peer: str, what: str, program: str = "ours") -> float:
    """The median over the rounds of a program's CPU time per request over its peer's in the same round."""
    pairs = zip(samples[program, what], samples[peer, what], strict=True)
    return statistics.median(one.cpu_us / other.cpu_us for one, other in pairs)


def main() -> int:
    """Run, print the table, write build/bench/router.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    parser.add_argument("--loads", nargs="+", choices=LOADS, default=list(LOADS), help="default: all", metavar="LOAD")
    parser.add_argument("--no-compiled", action="store_true", help="do not compile the hot path to measure it too")
    options = parser.parse_args()
    absent = programs.missing()
    for name, package in absent.items():
        print(f"{name} is not here; install {package} to have its rows", file=sys.stderr)
    if absent.keys() & {"h2load", "wrk", "nginx"}:
        print("h2load and wrk send the load, nginx is the upstream: nothing can be measured without", file=sys.stderr)
        return 1
    with all_running(absent, compiled=not options.no_compiled) as running:
        samples = measure(running, options.loads, options.rounds, options.seconds)
    found = figures(samples)
    table = rows(samples)
    if "uvicorn" not in absent and options.loads == list(LOADS):
        adapter = adapter_against_uvicorn(options.rounds, options.seconds)
        for name, each in adapter.items():
            table.append({"program": name, "load": "200B ASGI", "cpu_us": round(statistics.median(each), 1)})
        found["adapter_cpu_vs_uvicorn"] = statistics.median(adapter["adapter"]) / statistics.median(adapter["uvicorn"])
    print(machine())
    print(format_table(table))
    print("\n".join(f"{key:32} {value:.3f}" for key, value in found.items()))
    print(f"written to {write_results('router', table, found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
