"""A role with the deployer's policies deploys and destroys what they are made of, and nothing of another name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from fanout_tools.deploy import terraform
from fanout_tools.deploy.access.deployer import Place, policies
from fanout_tools.emulators import running
from fanout_tools.plans import Plan, Resource
from tests.integration.conftest import EMULATOR

pytestmark = pytest.mark.skipif(EMULATOR != "ministack", reason="IAM is enforced on MiniStack alone")

ROOT: Final = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  skip_metadata_api_check = true
}

variable "name" {
  type = string
}

resource "aws_iam_role" "this" {
  name = var.name
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "this" {
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = "*" }]
  })
}
"""
# Of a role MiniStack knows the ARN that a call is on; of a bus, a policy or a topic's tags it asks for *.
TYPES: Final = ("aws_iam_role", "aws_iam_role_policy")
ACCOUNT: Final = "000000000000"
TRUST: Final = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
ASSUMED: Final = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})


@contextmanager
def _deployer(run_dir: Path) -> Iterator[Mapping[str, str]]:
    """An emulator that enforces IAM, as somebody reaches it who has the deployer's policies and nothing else."""
    place = Place(account=ACCOUNT, region="us-east-1", prefix="fanout-small")
    plan = Plan(tuple(Resource(address=f"{it}.this", type=it, values={"assume_role_policy": ASSUMED}) for it in TYPES))
    with running("ministack", run_dir=run_dir, enforce_iam=True) as endpoints:
        iam = boto3.client(
            "iam",
            endpoint_url=endpoints.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        iam.create_user(UserName="deployer")
        for number, document in enumerate(policies(plan, place)):
            iam.put_user_policy(UserName="deployer", PolicyName=f"{number}", PolicyDocument=json.dumps(document))
        key: Mapping[str, Any] = iam.create_access_key(UserName="deployer")["AccessKey"]
        yield {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            "AWS_ENDPOINT_URL": endpoints.url,
            "AWS_REGION": "us-east-1",
        }


def test_a_deployer_makes_and_destroys_what_is_the_environments_alone(tmp_path: Path) -> None:
    """GIVEN a user with the deployer's policies WHEN Terraform makes what they are for, in the environment's names
    THEN it is made and destroyed; in another's name it is refused."""
    root, data = tmp_path / "root", tmp_path / "data"
    root.mkdir()
    (root / "main.tf").write_text(ROOT, encoding="utf-8")

    with _deployer(tmp_path / "emulator") as env:
        terraform.init(root, data_dir=data, env=env)
        _applied(root, data, env, "fanout-small-one")
        terraform.run(root, "destroy", *_named("fanout-small-one"), data_dir=data, env=env, capture=True)
        with pytest.raises(terraform.TerraformError, match=r"AccessDenied|not authorized"):
            terraform.run(root, "apply", *_named("other"), data_dir=data, env=env, capture=True)


def _applied(root: Path, data: Path, env: Mapping[str, str], name: str) -> None:
    """Apply. A role that the emulator has made, and answered too late, is imported before the next try."""
    try:
        terraform.run(root, "apply", *_named(name), data_dir=data, env=env, capture=True)
    except terraform.TerraformError as error:
        if "EntityAlreadyExists" not in str(error):
            raise
        terraform.run(root, "import", f"-var=name={name}", "aws_iam_role.this", name, data_dir=data, env=env)
        terraform.run(root, "apply", *_named(name), data_dir=data, env=env, capture=True)


def _named(name: str) -> tuple[str, str]:
    return "-auto-approve", f"-var=name={name}"
