"""A command finds the emulator that is up, and leaves AWS as AWS's own tools find it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from fanout_tools import emulators
from fanout_tools.cli import endpoint
from fanout_tools.cli.deployment import DeploymentError
from fanout_tools.cli.endpoint import names_of, reach
from fanout_tools.declarations.naming import Names
from fanout_tools.emulators import Endpoints
from fanout_tools.operate.identity import IdentityError
from fanout_tools.project import project


@pytest.fixture
def up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Endpoints]:
    """The emulators that are up, by name."""
    found: dict[str, Endpoints] = {}
    here = replace(project(), build=tmp_path, namespace="shop")
    monkeypatch.setattr(endpoint, "project", lambda: here)
    monkeypatch.setattr(emulators, "endpoints", found.get)
    monkeypatch.setattr(os, "environ", {"AWS_ACCESS_KEY_ID": "real", "AWS_REGION": "eu-central-1"})
    return found


def _at(port: int) -> Endpoints:
    return Endpoints(url=f"http://127.0.0.1:{port}", dynamodb_url=f"http://127.0.0.1:{port}")


def test_the_emulator_that_is_up_is_reached_with_its_own_credentials(up: dict[str, Endpoints]) -> None:
    up["localstack"] = _at(1)

    assert reach("local").namespace == "shop-local"
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "test"


def test_of_two_the_one_deployed_to_last_is_reached(up: dict[str, Endpoints], tmp_path: Path) -> None:
    up |= {"ministack": _at(1), "localstack": _at(2)}
    for emulator, when in (("ministack", 100), ("localstack", 200)):
        state = tmp_path / "terraform" / f"local-{emulator}" / "terraform.tfstate"
        state.parent.mkdir(parents=True)
        state.touch()
        os.utime(state, (when, when))

    reach("local")

    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:2"


def test_without_an_emulator_the_error_says_what_to_do(up: dict[str, Endpoints]) -> None:
    with pytest.raises(DeploymentError, match="no emulator is up: `fanout deploy` starts one"):
        reach("local")


def test_an_endpoint_that_is_given_is_taken(up: dict[str, Endpoints], monkeypatch: pytest.MonkeyPatch) -> None:
    up["ministack"] = _at(1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    assert reach("local", "other").namespace == "other"
    assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"


def test_aws_is_reached_as_its_own_tools_reach_it(up: dict[str, Endpoints]) -> None:
    up["ministack"] = _at(1)

    assert reach("prod").namespace == "shop-prod-euc1"
    assert "AWS_ENDPOINT_URL" not in os.environ


def test_names_on_aws_have_the_region_in_them(up: dict[str, Endpoints], monkeypatch: pytest.MonkeyPatch) -> None:
    assert names_of("prod", None).namespace == "shop-prod-euc1"
    assert names_of("prod", "fanout-prod").namespace == "fanout-prod"

    monkeypatch.setenv("AWS_REGION", "us-gov-west-1")
    assert names_of("staging", None).namespace == "shop-staging-usgw1"


def test_no_region_is_assumed(up: dict[str, Endpoints], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(IdentityError, match="set AWS_REGION"):
        names_of("prod", None)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the environment dev of a project, which has its variables' declarations."""
    root = tmp_path / "terraform" / "environments" / "dev"
    root.mkdir(parents=True)
    (root / "settings.tf").write_text('variable "event_bus_name" {\n  default = ""\n}\n')
    (root / "main.tf").write_text('module "platform" {\n  event_bus_name = var.event_bus_name\n}\n')
    here = replace(project(), terraform=tmp_path / "terraform", namespace="shop")
    monkeypatch.setattr(endpoint, "project", lambda: here)
    monkeypatch.delenv("TF_VAR_event_bus_name", raising=False)
    return root


def test_an_environment_has_a_bus_of_its_own_unless_it_says_another(settings: Path) -> None:
    assert names_of("dev", None) == Names("shop-dev")


def test_the_bus_is_read_from_the_environments_settings(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN the variable in several places WHEN asked THEN the one holds that holds for Terraform."""
    monkeypatch.setenv("TF_VAR_event_bus_name", "told")
    assert names_of("dev", None) == Names("shop-dev", "told")

    (settings / "terraform.tfvars").write_text('owner = "x"\nevent_bus_name = "shared" # ours too\n')
    assert names_of("dev", "other") == Names("other", "shared")

    (settings / "bus.auto.tfvars").write_text('event_bus_name = "default"\n')
    assert names_of("dev", None).bus == "default"


def test_a_setting_that_is_commented_out_is_none(settings: Path) -> None:
    (settings / "terraform.tfvars").write_text('# event_bus_name = "shared"\n')

    assert names_of("dev", None).bus == "shop-dev"
