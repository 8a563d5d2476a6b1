"""``fanout cost`` as an operator runs it."""

import json
from pathlib import Path

import pytest

from fanout.errors import PlanError
from scripts.mutants.fixture import FIXTURE

from ..conftest import Run

pytestmark = pytest.mark.shop

PLAN = ("--plan", str(FIXTURE / "plan.json"), "--services", str(FIXTURE / "services"))


def test_tables_and_what_they_rest_on(run: Run) -> None:
    done = run("cost", "--events-per-month", "1e6", *PLAN)

    assert done.exit_code == 0
    for told in ("# By event", "# By worker", "dearest items", "# What the levers", "a month.", "Prices: us-east-1"):
        assert told in done.stdout
    assert (
        "Not calculated: 1 aws_ecr_repository, 5 aws_s3_bucket, 1 aws_scheduler_schedule, 1 aws_ses_email_identity, "
        "1 aws_sfn_state_machine." in done.stdout
    )


def test_json_has_it_all(run: Run, tmp_path: Path) -> None:
    mix = tmp_path / "mix.yaml"
    mix.write_text("events: { shop.orders/OrderPlaced: { bytes: 2000 } }")

    told = json.loads(run("cost", "--events-per-month", "1000000", "--json", "--mix", str(mix), *PLAN).stdout)

    (event,) = told["events"]
    assert (event["event"], event["events"], event["bytes"]) == ("shop.orders/OrderPlaced", 1_000_000, 2_000)
    assert event["workers"] == 4
    items = sum(it["$ per month"] for it in told["items"])
    assert items == pytest.approx(told["usd_per_month"], abs=0.01)
    assert {it["worker"] for it in told["workers"]} == {"audit", "billing", "notifications", "statements", "thumbnails"}
    assert told["prices"]["region"] == "us-east-1"


def test_sizes_are_those_of_golden_events(run: Run) -> None:
    told = json.loads(run("cost", "--events-per-month", "10", "--json", *PLAN).stdout)

    assert all(100 < it["bytes"] < 1_000 for it in told["events"])


@pytest.mark.parametrize("arguments", [(), ("--env", "prod", "--plan", "plan.json")])
def test_there_has_to_be_one_plan(run: Run, arguments: tuple[str, ...]) -> None:
    done = run("cost", "--events-per-month", "10", *arguments)

    assert done.exit_code == 2
    assert "give either --env" in done.stderr


@pytest.mark.parametrize("events", ["0", "-5", "many", "nan", "inf"])
def test_a_month_has_events(run: Run, events: str) -> None:
    assert run("cost", "--events-per-month", events, *PLAN).exit_code == 2


@pytest.mark.parametrize(("text", "told"), [("{", "cannot be read as a plan"), ("{}", "this is no plan")])
def test_what_is_no_plan_is_refused(run: Run, tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text)

    done = run("cost", "--events-per-month", "10", "--plan", str(file))

    assert isinstance(done.exception, PlanError)
    assert told in str(done.exception)


def test_an_unknown_environment_is_refused(run: Run) -> None:
    done = run("cost", "--events-per-month", "10", "--env", "prod")

    assert "there is no environment 'prod'; there is: none" in str(done.exception)


def test_a_mix_of_unknown_events_is_refused(run: Run, tmp_path: Path) -> None:
    mix = tmp_path / "mix.yaml"
    mix.write_text("events: { shop.orders/OrderLost: {} }")

    done = run("cost", "--events-per-month", "10", "--mix", str(mix), *PLAN)

    assert "events.shop.orders/OrderLost: there is none in the plan" in str(done.exception)
