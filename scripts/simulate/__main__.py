"""The router's dispatcher, fleet and scaler in virtual time, beside the peer's scaling and Lambda's own dispatch.

All see the same arrivals. "ours" is the router as it is; "simple" and "ewma" are the same dispatcher and fleet under
the peer's two documented formulas; "lambda" gives each request an environment of its own. An environment of 1,769 MB on
arm64 costs 0.0000133334 USD per GB-second, an invocation 0.20 USD per million (us-east-1, November 2026); a cold start
takes 8 s; an environment behind the router serves 10 requests at a time.
"""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.bench.support import format_table, write_results
from scripts.simulate.plot import latency_plot
from scripts.simulate.scenarios import Scenario, scenarios
from scripts.simulate.ways import Outcome, lambda_itself, router

WAYS: dict[str, Callable[[Scenario], Outcome]] = {
    "ours": lambda scenario: router(scenario, "ours"),
    "simple": lambda scenario: router(scenario, "simple"),
    "ewma": lambda scenario: router(scenario, "ewma"),
    "lambda": lambda_itself,
}


def row(scenario: str, way: str, outcome: Outcome) -> dict[str, object]:
    """One line of the table."""
    return {
        "scenario": scenario,
        "way": way,
        "answered": len(outcome.latencies),
        "failed": outcome.failed,
        "p50_s": round(outcome.percentile(0.5), 3),
        "p99_s": round(outcome.percentile(0.99), 3),
        "max_s": round(outcome.percentile(1.0), 3),
        "environments": outcome.environments,
        "gb_seconds": round(outcome.gb_seconds),
        "usd": round(outcome.usd, 4),
    }


def main() -> int:
    """Run every scenario, print the table, write build/bench/sim_dispatch.json and one SVG for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plots", type=Path, default=Path("docs/explanation/dispatch"), help="folder of the SVG files")
    parser.add_argument("--only", default="", help="a part of the scenario's name")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # dying environments are what some scenarios are about
    rows, figures = [], {}
    options.plots.mkdir(parents=True, exist_ok=True)
    for scenario in scenarios():
        if options.only not in scenario.name:
            continue
        outcomes = {name: way(scenario) for name, way in WAYS.items()}
        for name, outcome in outcomes.items():
            rows.append(row(scenario.name, name, outcome))
            figures[f"{scenario.name.replace(' ', '_')}_{name}_p99_s"] = outcome.percentile(0.99)
        plot = latency_plot(scenario.name, {name: outcome.latencies for name, outcome in outcomes.items()})
        (options.plots / f"{scenario.name.replace(' ', '_')}.svg").write_text(plot)
    print(format_table(rows))
    print(f"written to {write_results('sim_dispatch', rows, figures)} and {options.plots}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
