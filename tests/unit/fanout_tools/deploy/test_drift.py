"""A second plan is held to nothing but what the list explains."""

from pathlib import Path
from typing import Any

import pytest

from fanout_tools.deploy.drift import ALLOWED, DriftError, check, differences

QUEUE = 'module.platform.module.worker["audit"].aws_sqs_queue.main'


def _plan(*changes: dict[str, Any]) -> dict[str, Any]:
    return {"resource_changes": [{"address": QUEUE, "change": change} for change in changes]}


def _update(before: dict[str, Any], after: dict[str, Any], **unknown: bool) -> dict[str, Any]:
    return {"actions": ["update"], "before": before, "after": after, "after_unknown": unknown}


def _allow(path: Path, **entry: str) -> Path:
    keys = {"address": QUEUE, "attribute": "tags_all", "emulator": "ministack", "reason": "it forgets them", **entry}
    path.write_text("- " + "\n  ".join(f"{key}: '{value}'" for key, value in keys.items()) + "\n")
    return path


def test_an_empty_plan_has_no_drift() -> None:
    plan = _plan({"actions": ["no-op"]}, {"actions": ["read"]})

    assert check(plan, "an emulator without entries", ALLOWED) == []


def test_each_changed_attribute_is_told() -> None:
    plan = _plan(
        _update({"name": "a", "delay": 1, "policy": "x"}, {"name": "a", "delay": 2, "policy": "x"}, version=True)
    )

    assert [str(difference) for difference in differences(plan)] == [
        f"{QUEUE}: delay: update",
        f"{QUEUE}: version: update",
    ]


def test_a_replaced_resource_is_told_whole() -> None:
    plan = _plan({"actions": ["delete", "create"], "before": {}, "after": {}})

    assert [str(difference) for difference in differences(plan)] == [f"{QUEUE}: *: delete and create"]


def test_drift_that_nothing_explains_fails(tmp_path: Path) -> None:
    plan = _plan(_update({"tags_all": {}, "delay": 1}, {"tags_all": {"a": "b"}, "delay": 2}))

    with pytest.raises(DriftError, match=r"delay: update; fix the module") as raised:
        check(plan, "ministack", _allow(tmp_path / "allowed.yaml"))
    assert "tags_all" not in str(raised.value)


@pytest.mark.parametrize("address", [QUEUE, 'module.platform.module.worker["*"].aws_sqs_queue.main', "*"])
def test_drift_that_the_list_explains_passes(tmp_path: Path, address: str) -> None:
    plan = _plan(_update({"tags_all": {}}, {"tags_all": {"a": "b"}}))

    assert len(check(plan, "ministack", _allow(tmp_path / "allowed.yaml", address=address))) == 1


def test_an_explanation_holds_for_its_emulator_alone(tmp_path: Path) -> None:
    plan = _plan(_update({"tags_all": {}}, {"tags_all": {"a": "b"}}))

    with pytest.raises(DriftError, match="tags_all: update"):
        check(plan, "localstack", _allow(tmp_path / "allowed.yaml"))


def test_an_explanation_of_nothing_must_go(tmp_path: Path) -> None:
    with pytest.raises(DriftError, match="drifts no more; remove it"):
        check(_plan(), "ministack", _allow(tmp_path / "allowed.yaml"))


def test_an_explanation_of_a_part_that_is_not_there_may_stay(tmp_path: Path) -> None:
    file = _allow(tmp_path / "allowed.yaml")
    file.write_text(file.read_text() + "  optional: true\n")

    assert check(_plan(), "ministack", file) == []


def test_an_entry_without_a_reason_is_refused(tmp_path: Path) -> None:
    (tmp_path / "allowed.yaml").write_text("- {address: a, attribute: b, emulator: ministack}\n")

    with pytest.raises(DriftError, match=r"(?s)allowed\.yaml: each entry has .*reason"):
        check(_plan(), "ministack", tmp_path / "allowed.yaml")
