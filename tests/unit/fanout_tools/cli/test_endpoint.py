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
