"""An emulator is deployed to without a question; AWS is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fanout_tools import emulators, supervisor
from fanout_tools.canary import run as canary_run
from fanout_tools.canary.deployed import Deployed
from fanout_tools.canary.faults import Fault, Hop
from fanout_tools.canary.planning import Declared, Pair
from fanout_tools.canary.run import Result, Verdict
from fanout_tools.cli import check
from fanout_tools.cli.app import run
from fanout_tools.deploy import drift as check_drift
from fanout_tools.deploy import environment as deploy
from fanout_tools.deploy import packages, terraform, traffic
from fanout_tools.emulators import Endpoints
from fanout_tools.project import project

Call = tuple[tuple[str, ...], dict[str, Any]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Call]:
    """What Terraform would have been run with."""
    made: list[Call] = []

    def terraformed(_root: Path, *args: str, **options: Any) -> str:
        made.append((args, options))
        return json.dumps({"resource_changes": []})

    here = replace(project(), build=tmp_path)
    monkeypatch.setattr(deploy, "project", lambda: here)
    monkeypatch.setattr(check, "refused", lambda _services: False)
    monkeypatch.setattr(terraform, "run", terraformed)
    monkeypatch.setattr(terraform, "init", lambda *_args, **_options: None)
    monkeypatch.setattr(terraform, "outputs", lambda *_args, **_options: {})
    monkeypatch.setattr(packages, "build", lambda *_args: iter(()))
    monkeypatch.setattr(
        emulators,
        "up",
        lambda _name, port: Endpoints(url=f"http://127.0.0.1:{port}", dynamodb_url="http://127.0.0.1:2"),
    )
    monkeypatch.delenv("AUTO_APPROVE", raising=False)
    return made


@pytest.mark.parametrize("command", ["plan", "deploy"])
def test_what_the_check_refuses_is_not_deployed(
    calls: list[Call], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "refused", lambda _services: True)

    assert run([command, "local"]) == 1
    assert calls == []


def test_an_emulator_is_deployed_to_at_once(calls: list[Call]) -> None:
    assert run(["deploy", "local", "--port", "1"]) == 0

    ((args, options),) = calls
    assert args == ("apply", "-json", "-parallelism=40", "-auto-approve")
    assert options["data_dir"].name == "local-ministack"
    reached = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2"}
    assert json.loads(options["env"]["TF_VAR_function_environment"]) == reached
    assert reached.items() <= options["env"].items()


def test_whatever_answers_at_a_given_endpoint_is_taken(calls: list[Call], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    assert run(["plan", "local"]) == 0

    _, options = calls[0]
    assert options["env"]["AWS_ENDPOINT_URL"] == options["env"]["AWS_ENDPOINT_URL_DYNAMODB"] == "http://127.0.0.1:9"


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_changes_on_aws_are_asked_for(calls: list[Call], command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _question: "yes")

    assert run([command, "dev"]) == 0

    (planned, _), _, (applied, _) = calls
    assert planned[0] == "plan"
    assert ("-destroy" in planned) is (command == "destroy")
    (plan,) = (given.removeprefix("-out=") for given in planned if given.startswith("-out="))
    assert applied == ("apply", "-json", "-parallelism=40", plan)


def test_without_a_yes_nothing_is_changed(
    calls: list[Call], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", lambda _question: "y")

    assert run(["deploy", "dev"]) == 1

    assert [args[0] for args, _ in calls] == ["plan", "show"]
    assert "nothing was changed" in capsys.readouterr().err


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), supervisor.Interrupted(2)])
def test_an_interruption_says_what_next(
    calls: list[Call],
    interruption: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_args: str, **_options: object) -> str:
        raise interruption

    monkeypatch.setattr(terraform, "run", interrupted)

    assert run(["plan", "dev"]) == 130
    assert "the same command continues" in capsys.readouterr().err


def test_a_failure_shows_the_end_of_its_log(
    calls: list[Call], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object, on_line: Callable[[str], None], **_options: object) -> str:
        for number in range(100):
            on_line(json.dumps({"@message": f"line {number}", "type": "log"}))
        raise terraform.TerraformCommandError("terraform apply", 1, "")

    monkeypatch.setattr(terraform, "run", fail)

    assert run(["deploy", "local"]) == 1

    err = capsys.readouterr().err
    assert "  | line 99\nall of it: " in err
    assert "line 84" not in err
    assert "deploy-local-ministack.log" in err


def test_a_deployment_ends_with_the_next_step(calls: list[Call], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deploy", "local"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("next        `fanout publish ")

    assert run(["deploy", "local", "--no-hint"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("deployed    local, in ")


def test_a_pipeline_approves_beforehand(calls: list[Call], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTO_APPROVE", "1")

    assert run(["deploy", "dev"]) == 0

    ((args, _),) = calls
    assert "-auto-approve" in args


def test_an_empty_second_plan_is_no_drift(
    calls: list[Call], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_drift, "known", lambda _emulator, _allowed: [])

    assert run(["drift", "local", "--emulator", "localstack"]) == 0

    assert capsys.readouterr().out.endswith("\nno drift\n")
    assert [args[0] for args, _ in calls] == ["plan", "show"]


def test_an_unknown_environment_is_named(calls: list[Call], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "nowhere"]) == 1

    assert "there is no environment 'nowhere'; there is: dev, local" in capsys.readouterr().err


def test_each_region_has_a_state_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CLI_ARGS_init", raising=False)
    frankfurt = deploy.remote("prod")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    oregon = deploy.remote("prod")

    assert frankfurt.backend == ("-backend-config=key=fanout/eu-central-1/prod.tfstate",)
    assert oregon.backend == ("-backend-config=key=fanout/us-west-2/prod.tfstate",)
    assert (oregon.env, oregon.data_dir.name) == ({"AWS_REGION": "us-west-2"}, "prod-us-west-2")


def test_a_states_key_that_is_given_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CLI_ARGS_init", "-backend-config=bucket=b -backend-config=key=fanout/prod.tfstate")

    assert deploy.remote("prod").backend == ()


def test_no_region_is_assumed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(terraform.TerraformError, match="no region is said: set AWS_REGION"):
        deploy.remote("prod")


TRAFFIC = {
    "region": "eu-central-1",
    "steps": [50],
    "minutes": 0,
    "workers": {"billing": {"function": "f-billing", "alias": "live", "version": "4", "live": "3", "alarms": ["a"]}},
}
LIVE = 'module.platform.module.worker["billing"].terraform_data.live'


class Aliases:
    """Where billing's alias leads; takes each move or none."""

    def __init__(self) -> None:
        self.at = traffic.Alias(version="3", revision="r", weights={})
        self.moves: list[tuple[str, dict[str, float]]] = []
        self.refused = False

    def get(self, _worker: traffic.Worker) -> traffic.Alias:
        return self.at

    def lead(self, _worker: object, seen: traffic.Alias, version: str, weights: dict[str, float]) -> traffic.Alias:
        if self.refused:
            raise traffic.TrafficError("no")
        self.moves.append((version, weights))
        self.at = replace(seen, version=version, weights=weights)
        return self.at


@pytest.fixture
def aliases(calls: list[Call], monkeypatch: pytest.MonkeyPatch) -> Aliases:
    """An apply has published version 4 of billing, whose alias is at version 3."""
    found = Aliases()
    monkeypatch.setenv("AUTO_APPROVE", "1")
    monkeypatch.setattr(terraform, "outputs", lambda *_args, **_options: {"traffic": TRAFFIC})
    monkeypatch.setattr(traffic, "LambdaAliases", lambda _client: found)
    monkeypatch.setattr(traffic, "ringing_alarms", lambda _client, _names: ())
    return found


def test_traffic_is_shifted_after_the_apply_and_terraform_is_told(calls: list[Call], aliases: Aliases) -> None:
    assert run(["deploy", "dev", "--no-canary"]) == 0

    assert aliases.moves == [("3", {"4": 0.5}), ("4", {})]
    (applied, _), (told, _) = calls
    assert applied[0] == "apply"
    assert told == ("apply", "-json", "-auto-approve", "-refresh=false", f"-replace={LIVE}", f"-target={LIVE}")


def test_without_steps_terraform_has_moved_the_traffic(
    calls: list[Call], aliases: Aliases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terraform, "outputs", lambda *_args, **_options: {"traffic": {**TRAFFIC, "steps": []}})

    assert run(["deploy", "dev", "--no-canary"]) == 0

    assert aliases.moves == []
    assert len(calls) == 1


def test_a_plan_shifts_nothing(calls: list[Call], aliases: Aliases) -> None:
    assert run(["plan", "dev"]) == 0

    assert [args[0] for args, _ in calls] == ["plan", "show"]
    assert aliases.moves == []


def test_traffic_that_was_set_back_fails_the_deployment(
    calls: list[Call], aliases: Aliases, capsys: pytest.CaptureFixture[str]
) -> None:
    aliases.refused = True

    assert run(["deploy", "dev"]) == 1

    assert "fanout: billing: version 4: no; version 3 has all of its traffic" in capsys.readouterr().err
    assert len(calls) == 1  # Terraform knows of version 3


@pytest.mark.parametrize(
    ("arguments", "verdict", "exit_code"),
    [([], Verdict.DELIVERED, 0), ([], Verdict.LATE, 0), ([], Verdict.FAILED, 1), (["--no-canary"], Verdict.FAILED, 0)],
)
def test_a_deploy_ends_with_canaries(
    calls: list[Call],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    verdict: Verdict,
    exit_code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """GIVEN a deployment of which a hop delivers, or not WHEN it is deployed THEN the exit code says so, unless
    canaries are not wanted; what is late is no failure."""
    outputs = {"bus": {"name": "fanout-here"}, "traffic": {"region": "eu-north-1"}}
    fault = (
        Fault(Hop.MAPPING, "the-queue", "the mapping is Disabled", "enable it") if verdict is Verdict.FAILED else None
    )
    asked: list[Any] = []

    def sent(deployed: Deployed, declared: Declared, *, limit_s: float) -> list[Result]:
        asked.append((deployed.names.namespace, deployed.client("sqs").meta.region_name))
        return [Result(Pair("a/B", "w"), verdict, fault)]

    monkeypatch.setattr(terraform, "outputs", lambda *_args, **_options: outputs)
    monkeypatch.setattr(deploy.Deployment, "shift", lambda _: None)
    monkeypatch.setattr(canary_run, "run", sent)

    assert run(["deploy", "local", "--port", "1", *arguments]) == exit_code
    assert asked == ([] if arguments else [("fanout-here", "eu-north-1")])
    assert ("mapping the-queue: the mapping is Disabled; enable it" in capsys.readouterr().err) is bool(exit_code)


def test_an_environment_that_does_not_tell_its_bus_is_named(
    calls: list[Call], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terraform, "outputs", lambda *_args, **_options: {"traffic": {"region": "eu-north-1"}})
    monkeypatch.setattr(deploy.Deployment, "shift", lambda _: None)

    assert run(["deploy", "local", "--port", "1"]) == 1
    assert 'has no output bus, which canaries are sent to; add output "bus"' in capsys.readouterr().err
