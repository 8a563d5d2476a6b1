"""Every role of the platform's is bounded, and has a path, where an account wants that."""

import re

import pytest

from scripts.paths import REPOSITORY

MODULES = REPOSITORY / "terraform" / "modules"
ROLES = [
    (file.relative_to(MODULES).as_posix(), name, body)
    for file in sorted(MODULES.glob("*/*.tf"))
    for name, body in re.findall(r'^resource "aws_iam_role" "(\w+)" \{\n(.*?)^\}$', file.read_text(), re.M | re.S)
]


@pytest.mark.parametrize(("file", "name", "body"), ROLES, ids=[f"{file} {name}" for file, name, _ in ROLES])
def test_a_role_takes_the_deployments_boundary(file: str, name: str, body: str) -> None:
    assert re.search(r"^  permissions_boundary += var\.deployment\.permissions_boundary$", body, re.M)


@pytest.mark.parametrize(("file", "name", "body"), ROLES, ids=[f"{file} {name}" for file, name, _ in ROLES])
def test_a_role_takes_the_deployments_path(file: str, name: str, body: str) -> None:
    """GIVEN a role WHEN commands do not name it by its ARN THEN it stands under the deployment's path."""
    has_path = re.search(r"^  path += var\.deployment\.role_path$", body, re.M) is not None
    assert has_path is not ((file, name) == ("operators/main.tf", "sweeper"))
