from pathlib import Path

import pytest

from fanout_tools.deploy.terraform import TerraformMissingError
from fanout_tools.deploy.terraform.binary import find_terraform
from tests.unit.fanout_tools.deploy.terraform.calls import Install


def test_the_terraform_on_path_is_taken(install: Install, tmp_path: Path) -> None:
    install(version="1.12.0-beta1")

    assert find_terraform() == str(tmp_path / "bin" / "terraform")


def test_without_terraform_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(TerraformMissingError, match=r"not on PATH: install Terraform 1\.11 or later"):
        find_terraform()


@pytest.mark.parametrize("version", ["1.10.9", "0.15.0"])
def test_an_older_terraform_is_refused_with_both_versions(install: Install, version: str) -> None:
    install(version=version)

    with pytest.raises(TerraformMissingError, match=rf"is Terraform {version}: fanout needs 1\.11"):
        find_terraform()


def test_a_terraform_that_does_not_tell_its_version_is_refused_with_its_words(install: Install) -> None:
    install(version="")

    with pytest.raises(TerraformMissingError, match="It said: no version here"):
        find_terraform()
