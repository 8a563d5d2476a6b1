"""What a person on call asks of a deployment, each command by itself, on real messages."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest

from fanout.publish import wrap
from fanout_tools.declarations.naming import ALIAS
from tests.integration.platform import Platform, client, eventually, order
from tests.integration.test_cli import fanout

NOT_FOUND, STUCK = 3, 4


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """What a command has printed as JSON, whether or not something is stuck."""
    assert done.returncode in (0, STUCK), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def another_version(platform: Platform, worker: str) -> Iterator[None]:
    """The worker's alias leads to a version that is newer by its description alone."""
    functions, name = client("lambda"), platform.names.function(worker)
    before = functions.get_alias(FunctionName=name, Name=ALIAS)["FunctionVersion"]
    functions.update_function_configuration(FunctionName=name, Description=f"Another, {uuid4()}")
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    version = functions.publish_version(FunctionName=name)["Version"]
    functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)
    try:
        yield
    finally:
        functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=before)


@pytest.mark.disturbs
def test_a_version_with_a_new_failure_is_seen_by_status_logs_and_compare(platform: Platform) -> None:
    """GIVEN an event that a worker handles, and one that a newer version of it cannot WHEN asked THEN status counts it
    and exits with 4, logs have its record, and compare names the newer version's cause."""
    handled, poison = wrap(order("probe")), wrap(order("probe", order_id=f"venom-{uuid4()}"))
    platform.publisher.publish(handled)
    eventually(lambda: platform.item("effects", order_id=handled.data["order_id"]), bool, "the order is handled")
    with another_version(platform, "probe"):
        platform.publisher.publish(poison)
        # Of this event: others may be in the DLQ already, and the older version would have it once the alias is back.
        eventually(lambda: _outcomes(platform, poison.metadata.event_id), lambda it: "rejected" in it, "it is rejected")

    # A record says what has become of it before it is in the DLQ.
    workers = eventually(lambda: _status(platform), lambda it: bool(it["probe"]["troubles"]), "status tells of it")
    assert workers.keys() == platform.deployment.manifests.keys()
    assert workers["probe"]["handled"] >= 1
    assert "in its DLQ: fanout dlq group probe" in workers["probe"]["troubles"][0]
    assert fanout(platform, "status").returncode == STUCK
    [worst] = [
        row for row in rows(fanout(platform, "top", "--by", "dead", "--lines", "1", "--json")) if "worker" in row
    ]
    assert worst["dead"] >= 1

    assert fanout(platform, "logs", str(uuid4())).returncode == NOT_FOUND

    compared = rows(fanout(platform, "compare", "probe", "--json"))[0]
    assert [cause for cause in compared["new_causes"] if cause.startswith("LookupError probe/handler.py:")]


def _status(platform: Platform) -> dict[str, Any]:
    seen = fanout(platform, "status", "--since", "1h", "--json")
    return {row["worker"]: row for row in rows(seen) if "worker" in row}


def _outcomes(platform: Platform, event_id: str) -> set[str | None]:
    done = fanout(platform, "logs", event_id, "--json")
    return {row.get("outcome") for row in rows(done)} if done.returncode != NOT_FOUND else set()


def test_status_of_nothing_says_so(platform: Platform) -> None:
    """GIVEN a namespace that is not deployed WHEN its status is asked for THEN the error names it and the fix."""
    done = fanout(platform, "status", namespace="fanout-nowhere")

    assert done.returncode == 1
    assert "fanout-nowhere" in done.stderr
    assert "make deploy" in done.stderr


def test_tail_shows_what_passes_and_leaves_nothing(platform: Platform) -> None:
    """GIVEN a tail of one event WHEN such an event is published THEN it is shown without its data, and rule and queue
    are gone; a doctor finds nothing left."""
    arguments = ["tail", "shop.orders/OrderPlaced", "--count", "1", "--for", "120", "--json"]
    command = [sys.executable, "-c", "from fanout_tools.cli import main; main()", *arguments]
    options = ["--namespace", platform.names.namespace, "--services", str(platform.services)]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        assert "looking by rule" in tail.stderr.readline()
        placed = wrap(order("nobody"))
        platform.publisher.publish(placed)
        seen = json.loads(tail.stdout.readline())
        assert tail.wait(timeout=120) == 0

    assert (seen["event"], "data" in seen) == ("shop.orders/OrderPlaced", False)
    checks = {row["check"]: row for row in rows(fanout(platform, "doctor", "--json"))}
    assert (checks["leftovers"]["state"], checks["credentials"]["state"]) == ("ok", "ok")


def test_tune_runs_the_package_beside_the_worker(platform: Platform, tmp_path: Any) -> None:
    """GIVEN a deployed worker WHEN its package is measured THEN there is a report for each invocation, nothing of the
    worker's queue or records changed, and the function is gone."""
    kept = tmp_path / "reports.jsonl"
    sizes = ["--memories", "256", "--batches", "2", "--rounds", "1"]
    done = fanout(platform, "tune", "audit", *sizes, "--record", str(kept), "--confirm", "audit")

    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["batch"] for line in kept.read_text().splitlines()] == [2, 2]
    names = [it["FunctionName"] for it in client("lambda").list_functions(MaxItems=50)["Functions"]]
    assert not [name for name in names if "-tune-" in name]
    assert fanout(platform, "tune", "audit").returncode == 5
