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
