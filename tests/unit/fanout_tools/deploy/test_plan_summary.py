"""A plan is told by worker, without known drift."""

from __future__ import annotations

from typing import Any

from fanout_tools.deploy import plan_summary

WORKER = 'module.platform.module.worker["billing"].'


def change(address: str, *actions: str, **after: Any) -> dict[str, Any]:
    made = {"actions": list(actions), "before": dict.fromkeys(after), "after": after}
    return {"address": address, "change": made}


def lines(*resources: dict[str, Any], target: str = "aws") -> list[str]:
    return list(plan_summary.lines(plan_summary.changes({"resource_changes": resources}, target)))


def test_changes_are_grouped_by_worker() -> None:
    assert lines(
        change(WORKER + "aws_sqs_queue.main", "create"),
        change(WORKER + "aws_lambda_function.this", "update", memory_size=512, timeout=9),
        change('module.platform.module.bus.aws_cloudwatch_event_rule.domain["shop"]', "delete"),
        change(WORKER + "aws_lambda_alias.live", "no-op"),
        change("aws_kms_key.main", "delete", "create"),
    ) == [
        "1 to add, 1 to change, 1 to replace, 1 to remove",
        "  billing          add 1: aws_sqs_queue.main",
        "  billing          change 1: aws_lambda_function.this (memory_size, timeout)",
        '  bus              remove 1: aws_cloudwatch_event_rule.domain["shop"]',
        "  environment      replace 1: aws_kms_key.main",
    ]


def test_much_that_is_added_is_counted_and_all_that_is_removed_is_named() -> None:
    queues = [f"{WORKER}aws_sqs_queue.q{number}" for number in range(9)]

    _, added = lines(*(change(queue, "create") for queue in queues))
    _, removed = lines(*(change(queue, "delete") for queue in queues))

    assert added.endswith("aws_sqs_queue.q5, 3 more")
    assert removed.endswith("aws_sqs_queue.q8")


def test_known_drift_of_an_emulator_is_left_out_there_and_not_on_aws() -> None:
    drift = change(
        'module.platform.module.workflow["x"].aws_sfn_state_machine.this', "update", tracing_configuration=[]
    )

    assert lines(drift, target="ministack") == ["0 to add, 0 to change, 0 to replace, 0 to remove"]
    assert len(lines(drift)) == 2
