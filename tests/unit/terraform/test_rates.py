"""How often AWS is asked at once: every root slows down where it is throttled, and what is said of alarms is so."""

import json
import re
from collections.abc import Iterator

import pytest

from fanout_tools.declarations.worker import load_all
from fanout_tools.deploy.stacks import AT_ONCE
from fanout_tools.plans import Plan, Resource
from scripts.mutants.fixture import FIXTURE
from scripts.paths import REPOSITORY

TERRAFORM = REPOSITORY / "terraform"
TEMPLATES = REPOSITORY / "shared" / "fanout_tools" / "scaffold" / "templates" / "project"
PROVIDERS = {
    f"{file.parent.name}/{file.name}": block
    for file in [
        *sorted(TERRAFORM.glob("environments/*/*.tf")),
        *sorted(TERRAFORM.glob("examples/*/*.tf")),
        *sorted(TEMPLATES.glob("*.tf.tmpl")),
    ]
    for block in re.findall(r'^provider "aws" \{\n(.*?)^\}$', file.read_text(encoding="utf-8"), re.M | re.S)
}
ALARMS_A_SECOND = 3
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"""
WORKERS = 500


def test_there_are_roots() -> None:
    assert len(PROVIDERS) > 20


@pytest.mark.parametrize("root", PROVIDERS)
def test_a_provider_slows_down_where_it_is_throttled(root: str) -> None:
    assert re.search(r'^  retry_mode += "adaptive"', PROVIDERS[root], re.M)


@pytest.mark.parametrize("root", PROVIDERS)
def test_a_provider_does_not_give_up_before_all_alarms_are_made(root: str) -> None:
    """GIVEN as many refused calls as the provider makes again WHEN each waits half of what it may at most, 2^n s and
    300 s (hashicorp/aws-sdk-go-base) THEN that is longer than all alarms of 500 workers take."""
    found = re.search(r"^  max_retries += (\d+)", PROVIDERS[root], re.M)
    assert found
    waits_s = sum(min(2**attempt, 300) / 2 for attempt in range(int(found[1]) - 1))
    assert waits_s > 2 * WORKERS * _most_alarms_of_a_worker() / ALARMS_A_SECOND


def test_the_page_of_limits_knows_how_many_alarms_are_made_at_once() -> None:
    """GIVEN the stacks that are applied beside each other WHEN each is a worker's with the most alarms THEN the page
    says how many calls that is, and how long AWS takes for them."""
    page = (REPOSITORY / "docs" / "reference" / "limits.md").read_text(encoding="utf-8")
    most = AT_ONCE * _most_alarms_of_a_worker()
    assert f"{AT_ONCE} stacks of up to {_most_alarms_of_a_worker()} alarms" in page
    assert f"{most} calls at once at worst, {-(-most // ALARMS_A_SECOND)} s" in page


def _most_alarms_of_a_worker() -> int:
    plan = Plan.read(json.loads((FIXTURE / "plan.json").read_text(encoding="utf-8")))
    alarms = [it for it in plan.of("aws_cloudwatch_metric_alarm") if ".module.observability." in it.address]
    return max(len(list(_of_worker(alarms, name))) for name in load_all(FIXTURE / "services"))


def _of_worker(alarms: list[Resource], worker: str) -> Iterator[Resource]:
    """Those that stand in the worker's stack: by its name, and of its dead-letter queues."""
    for it in alarms:
        key = it.address.partition('["')[2].removesuffix('"]')
        if key == worker or re.search(rf"-{re.escape(worker)}(-undelivered)?-dlq(\.fifo)?$", key):
            yield it
