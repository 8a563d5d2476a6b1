"""The operator's command line against a deployment."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.integration.platform import NAMESPACE, Platform, eventually, order


def fanout(
    platform: Platform, *arguments: str, given: str = "", namespace: str = NAMESPACE
) -> subprocess.CompletedProcess[str]:
    """Run a command as an operator does, into a pipe."""
    options = ["--namespace", namespace, "--services", str(platform.services)]
    command = [sys.executable, "-c", "from fanout_tools.cli import main; main()", *arguments, *options]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False)


def test_lines_of_json_are_published_and_broken_ones_named(platform: Platform) -> None:
    """GIVEN two events on standard input, one of them broken WHEN published THEN the good one has a receipt and its
    effect, the broken one is named by its line, and the exit status is 1."""
    placed = order("probe")
    lines = json.dumps(placed.to_data()) + "\n" + json.dumps({**placed.to_data(), "lines": []}) + "\n"

    done = fanout(platform, "publish", "shop.orders/OrderPlaced", "--file", "-", "--json", given=lines)

    [receipt] = map(json.loads, done.stdout.splitlines())
    assert receipt["accepted"], receipt
    assert "standard input:2: shop.orders/OrderPlaced" in done.stderr
    assert done.returncode == 1
    eventually(lambda: platform.item("effects", order_id=placed.order_id), bool, "the order is handled")


def test_status_counts_what_was_handled(platform: Platform) -> None:
    """GIVEN a handled event WHEN the status is asked for THEN its worker's line counts it, and no queue is left out."""
    placed = order("probe")
    platform.publisher.publish(placed)
    eventually(lambda: platform.item("effects", order_id=placed.order_id), bool, "the order is handled")

    def status() -> dict[str, dict[str, int]]:
        done = fanout(platform, "status", "--since", "1h", "--json")
        assert done.returncode == 0, done.stderr
        return {row["worker"]: row for row in map(json.loads, done.stdout.splitlines())}

    seen = eventually(status, lambda rows: rows["probe"]["handled"] > 0, "the worker's log counts it")
    assert seen.keys() == platform.deployment.manifests.keys()
    assert seen["probe"]["received"] >= seen["probe"]["handled"]


def test_status_of_nothing_says_so(platform: Platform) -> None:
    """GIVEN a namespace that is not deployed WHEN its status is asked for THEN the error names it and the fix."""
    done = fanout(platform, "status", namespace="fanout-nowhere")

    assert done.returncode == 1
    assert "fanout-nowhere" in done.stderr
    assert "make deploy" in done.stderr
