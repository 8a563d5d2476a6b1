"""The storefront as a Lambda function of the emulator, which a test's router invokes.

Terraform deploys web functions on AWS, with a router beside them; here the test is the router.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fanout_tools.declarations.web import WebManifest
from fanout_tools.deploy import environment as deploy
from fanout_tools.emulators import Endpoints
from scripts.paths import REPOSITORY
from tests.integration.platform import Platform, client

NAME = "storefront"
TIMEOUT_S = 120
REGION = "us-east-1"


@contextmanager
def storefront(platform: Platform, packages: Path) -> Iterator[str]:
    """The function's name, for as long as the block lasts.

    :param packages: the folder of the platform's packages.
    """
    name, lambda_, iam = platform.names.function(NAME), client("lambda"), client("iam")
    manifest = WebManifest.load(REPOSITORY / "services" / NAME / "web.yaml")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName=NAME, PolicyDocument=json.dumps(_policy(platform, manifest)))
    worker = lambda_.get_function_configuration(FunctionName=platform.names.function("billing"))
    layer = lambda_.publish_layer_version(
        LayerName=name, Content={"ZipFile": (packages / "layers" / f"{NAME}.zip").read_bytes()}
    )
    try:
        lambda_.create_function(
            FunctionName=name,
            Role=role,
            Handler=f"services.{NAME}.handler.handler",
            Code={"ZipFile": (packages / "web" / f"{NAME}.zip").read_bytes()},
            # What every function of the platform runs on: the runtime and the layer of its dependencies.
            Runtime=worker["Runtime"],
            Layers=[*(used["Arn"] for used in worker["Layers"]), layer["LayerVersionArn"]],
            MemorySize=manifest.function.memory_mb,
            Timeout=TIMEOUT_S,
            Environment={"Variables": _variables(platform, manifest)},
        )
        lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
        yield name
    finally:
        lambda_.delete_function(FunctionName=name)
        with suppress(client("logs").exceptions.ResourceNotFoundException):
            client("logs").delete_log_group(logGroupName=f"/aws/lambda/{name}")
        lambda_.delete_layer_version(LayerName=name, VersionNumber=layer["Version"])
        iam.delete_role_policy(RoleName=name, PolicyName=NAME)
        iam.delete_role(RoleName=name)


_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def _variables(platform: Platform, manifest: WebManifest) -> dict[str, str]:
    url, dynamodb_url = os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_ENDPOINT_URL_DYNAMODB"]
    endpoints = deploy.of_functions(platform.emulator, Endpoints(url=url, dynamodb_url=dynamodb_url))
    return manifest.environment(platform.names, platform.deployment.account) | endpoints


def _policy(platform: Platform, manifest: WebManifest) -> dict[str, Any]:
    """What its declaration asks for, and nothing else."""
    account = platform.deployment.account
    statements = [
        {
            "Effect": "Allow",
            "Action": permission.actions,
            "Resource": [
                f"arn:aws:dynamodb:{REGION}:{account}:table/{platform.names.table(resource.removeprefix('table:'))}"
                for resource in permission.resources
            ],
        }
        for permission in manifest.permissions
    ]
    bus = f"arn:aws:events:{REGION}:{account}:event-bus/{platform.names.bus}"
    statements.append({"Effect": "Allow", "Action": ["events:PutEvents"], "Resource": [bus]})
    return {"Version": "2012-10-17", "Statement": statements}
