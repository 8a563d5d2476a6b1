"""Every alarm that Terraform makes names its runbook, and the runbook is there."""

from __future__ import annotations

import re

import pytest

from scripts.paths import REPOSITORY

ALARMS = [
    (f"{file.parent.name}: {text[:60]}", text)
    for file in sorted((REPOSITORY / "terraform" / "modules").glob("*/*.tf"))
    for text in re.findall(r'alarm_description\s*=\s*"(.*)"', file.read_text(encoding="utf-8"))
]
PAGE = REPOSITORY / "docs" / "how-to" / "answer-an-alarm.md"


def anchors() -> set[str]:
    headings = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {heading.lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("text", [text for _, text in ALARMS], ids=[name for name, _ in ALARMS])
def test_an_alarm_leads_to_its_runbook(text: str) -> None:
    found = re.search(r"Runbook: docs/how-to/answer-an-alarm\.md#([\w-]+)$", text)

    assert found is not None, text
    assert found[1] in anchors()


def test_every_alarm_is_found() -> None:
    resources = sum(
        file.read_text(encoding="utf-8").count('resource "aws_cloudwatch_metric_alarm"')
        for file in (REPOSITORY / "terraform" / "modules").glob("*/*.tf")
    )

    assert resources == len(ALARMS)
