"""Wide grants are explained one by one, and an explanation that nobody needs must go."""

from pathlib import Path

import pytest

from fanout.errors import PlanError
from fanout_tools.plans import Plan
from fanout_tools.proof.findings import Allowed, Declared, Finding, declared, read, unexplained
from fanout_tools.proof.grants import narrow

ROLE = 'module.platform.module.worker["audit"].aws_iam_role_policy.this'
WIDE = Finding(address=ROLE, rule="wildcard-action", problem="allows s3:*", fix="name it", value="s3:*")


def _entry(**changes: object) -> Allowed:
    entry = {"rule": "wildcard-action", "address": ROLE, "values": ["s3:*"], "environments": ["dev"], "reason": "why"}
    return Allowed.model_validate({**entry, **changes})


@pytest.mark.parametrize("address", [ROLE, 'module.platform.module.worker["*"].aws_iam_role_policy.this', "*"])
def test_an_entry_explains_what_it_names(address: str) -> None:
    assert unexplained([WIDE], [_entry(address=address)]) == []


@pytest.mark.parametrize("change", [{"rule": "wildcard-resource"}, {"address": "elsewhere"}, {"values": ["sqs:*"]}])
def test_another_finding_is_left_and_the_entry_is_stale(change: dict[str, object]) -> None:
    left = unexplained([WIDE], [_entry(**change)])

    assert left[0] == WIDE
    assert "is allowed and not in the plan; remove it from allowed.yaml" in str(left[1])


def test_each_value_has_to_be_needed() -> None:
    left = unexplained([WIDE], [_entry(values=["s3:*", "sqs:*"])])

    assert [str(it).partition(";")[0] for it in left] == [
        f"{ROLE}: wildcard-action: sqs:* is allowed and not in the plan"
    ]


def test_an_entry_of_an_optional_part_is_not_stale_without_it() -> None:
    assert unexplained([], [_entry(optional=True)]) == []
    assert unexplained([WIDE], [_entry(optional=True)]) == []


def test_the_fixture_has_every_optional_part(plan: Plan) -> None:
    found = list(narrow(plan))
    for entry in read("fixture"):
        assert all(any(value in entry.explaining(it) for it in found) for value in entry.values), entry


def test_only_the_entries_of_the_environment_are_read(tmp_path: Path) -> None:
    file = tmp_path / "allowed.yaml"
    file.write_text("[{rule: public-principal, address: a, values: [b], environments: [dev], reason: c}]")

    assert (len(read("dev", file)), len(read("prod", file))) == (1, 0)


def test_another_projects_environment_is_on_aws_and_may_be_without_parts(tmp_path: Path) -> None:
    file = tmp_path / "allowed.yaml"
    entries = ", ".join(
        f"{{rule: public-principal, address: {name}, values: [b], environments: [{name}], reason: c}}"
        for name in ("local", "dev", "prod")
    )
    file.write_text(f"[{entries}]")

    assert {entry.address for entry in read("qa", file, foreign=True)} == {"dev", "prod"}
    assert [(entry.address, entry.optional) for entry in read("local", file, foreign=True)] == [("local", True)]


@pytest.mark.parametrize("text", ["[{rule: path, address: a}]", "a: b", "]"])
def test_another_list_is_refused_with_the_keys(tmp_path: Path, text: str) -> None:
    file = tmp_path / "allowed.yaml"
    file.write_text(text)

    with pytest.raises(PlanError, match=r"allowed.yaml: a list in which each entry has rule, address, values"):
        read("dev", file)


def test_an_environment_says_why_it_has_no_alarms(tmp_path: Path) -> None:
    assert declared(tmp_path) == Declared(no_alarms=None)

    (tmp_path / "check_plan.yaml").write_text("no_alarms: nobody is on call")
    assert declared(tmp_path).no_alarms == "nobody is on call"

    (tmp_path / "check_plan.yaml").write_text("alarms: false")
    with pytest.raises(PlanError, match="its keys are no_alarms, with the reason, and quotas"):
        declared(tmp_path)
