"""Whoever has the deployer's policies makes, changes and destroys what they are made of; nothing of another name."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError

from fanout_tools.deploy import terraform
from fanout_tools.deploy.access.deployer import Place, policies
from fanout_tools.deploy.environment import Deployment
from fanout_tools.emulators import Endpoints, running
from fanout_tools.plans import Plan, Resource
from tests.integration.conftest import EMULATOR

pytestmark = pytest.mark.skipif(EMULATOR != "ministack", reason="IAM is enforced on MiniStack alone")

ROOT: Final = Path(__file__).with_name("deployer") / "main.tf"
TYPES: Final = sorted(set(re.findall(r'^resource "(aws_\w+)"', ROOT.read_text(encoding="utf-8"), re.MULTILINE)))
ACCOUNT: Final = "000000000000"
REGION: Final = "us-east-1"
HANDED: Final = ("lambda", "scheduler", "states", "pipes")
"""The services that the role of ``ROOT`` is for."""

ASKED_OF_ANY: Final = {
    "cloudwatch": (
        "DeleteAlarms DeleteDashboards GetDashboard ListTagsForResource PutDashboard TagResource UntagResource"
    ),
    "dynamodb": "ListTagsOfResource TagResource UntagResource",
    "events": (
        "CreateArchive CreateEventBus DeleteArchive DeleteEventBus DescribeArchive DescribeEventBus "
        "ListTagsForResource ListTargetsByRule PutTargets RemoveTargets TagResource UntagResource UpdateArchive "
        "UpdateEventBus"
    ),
    "iam": "CreatePolicy",
    "kms": "CreateAlias DeleteAlias",
    "lambda": "CreateFunction",
    "pipes": "ListTagsForResource TagResource UntagResource",
    "scheduler": (
        "CreateSchedule DeleteSchedule GetSchedule ListTagsForResource TagResource UntagResource UpdateSchedule"
    ),
    "sns": "ListTagsForResource TagResource UntagResource",
    "states": "ListTagsForResource TagResource UntagResource",
}
"""What MiniStack asks for without a resource, or with one of another ARN than AWS: it is granted of all here, where the
deployer's policies name it at all. So the action is tried, and its resource is not."""
OTHER_NAMES: Final = {"lambda:GetAlias": "lambda:ListAliases", "lambda:GetLayerVersion": "lambda:ListLayers"}
"""What MiniStack calls by the name of another action."""
ALL: Final = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
QUEUES: Final = f"http://localhost/{ACCOUNT}"
MACHINE: Final = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:fanout-other"
ALARM: Final = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
HANDING: Final = {"Role": f"arn:aws:iam::{ACCOUNT}:role/other", "Code": {"ZipFile": b""}}


@dataclass(frozen=True)
class Deployer:
    """Somebody who has the deployer's policies and nothing else."""

    endpoints: Endpoints
    key: Mapping[str, str]

    @property
    def env(self) -> dict[str, str]:
        """For Terraform."""
        mine = {"AWS_ACCESS_KEY_ID": self.key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": self.key["SecretAccessKey"]}
        return {**self.endpoints.environment(), **mine, "AWS_REGION": REGION}

    def client(self, service: str) -> Any:
        """A client in its name."""
        return _client(service, self.endpoints, self.key)


ROOT_KEY: Final = {"AccessKeyId": "test", "SecretAccessKey": "test"}


def _client(service: str, endpoints: Endpoints, key: Mapping[str, str] = ROOT_KEY) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoints.url,
        region_name=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )


def _documents() -> list[dict[str, Any]]:
    """The deployer's policies for all types of ``ROOT``, as MiniStack asks for them."""
    trusted = [{"Effect": "Allow", "Principal": {"Service": f"{it}.amazonaws.com"}} for it in HANDED]
    assumed = json.dumps({"Version": "2012-10-17", "Statement": trusted})
    plan = Plan(tuple(Resource(address=f"{it}.this", type=it, values={"assume_role_policy": assumed}) for it in TYPES))
    place = Place(account=ACCOUNT, region=REGION, prefix="fanout-small")
    return [_as_asked(it) for it in policies(plan, place)]


def _as_asked(document: Mapping[str, Any]) -> dict[str, Any]:
    wider = {f"{service}:{it}" for service, names in ASKED_OF_ANY.items() for it in names.split()}
    more = list[dict[str, Any]]()
    for it in document["Statement"]:
        if found := sorted(wider & set(it["Action"])):
            more.append({**it, "Action": found, "Resource": ["*"]})
        if named := sorted(OTHER_NAMES[action] for action in it["Action"] if action in OTHER_NAMES):
            more.append({**it, "Action": named})
    return {**document, "Statement": [*document["Statement"], *more]}


@pytest.fixture(scope="module")
def deployer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    """On an emulator that enforces IAM."""
    with running("ministack", run_dir=tmp_path_factory.mktemp("emulator"), enforce_iam=True) as endpoints:
        iam = _client("iam", endpoints)
        iam.create_user(UserName="deployer")
        for number, document in enumerate(_documents()):
            iam.put_user_policy(UserName="deployer", PolicyName=f"{number}", PolicyDocument=json.dumps(document))
        yield Deployer(endpoints, iam.create_access_key(UserName="deployer")["AccessKey"])


@pytest.fixture
def deployment(deployer: Deployer, tmp_path: Path) -> Deployment:
    """``ROOT`` in the deployer's name."""
    root, package = tmp_path / "root", tmp_path / "code.zip"
    root.mkdir()
    shutil.copy(ROOT, root)
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handler.py", "def handler(event, context): ...\n")
    given = {"TF_VAR_package": str(package), "TF_VAR_name": "fanout-small-one"}
    made = Deployment(root=root, data_dir=tmp_path / "data", target="local", env=deployer.env | given, asks=False)
    made.prepare(build=False)
    return made


def test_a_deployer_makes_changes_and_destroys_what_is_the_environments(deployment: Deployment) -> None:
    """GIVEN a user with the deployer's policies WHEN Terraform makes what they are for in the environment's names,
    changes it and destroys it THEN nothing is refused."""
    deployment.run("apply")
    assert {it.split(".")[0] for it in deployment.terraform_quietly("state", "list").split()} == set(TYPES)
    deployment.having({"TF_VAR_release": "second"}).run("apply")
    deployment.run("destroy")
    assert deployment.terraform_quietly("state", "list") == ""


def test_a_deployer_makes_nothing_of_another_name(deployment: Deployment) -> None:
    made = [
        "aws_cloudwatch_log_group.this", "aws_cloudwatch_metric_alarm.this", "aws_dynamodb_table.this",
        "aws_iam_role.this", "aws_s3_bucket.this", "aws_scheduler_schedule_group.this", "aws_sfn_state_machine.this",
        "aws_sns_topic.this", "aws_sqs_queue.dlq",
    ]  # fmt: skip
    with pytest.raises(terraform.TerraformError, match=r"AccessDenied|not authorized"):
        deployment.having({"TF_VAR_name": "other"}).terraform_quietly(
            "apply", "-auto-approve", *(f"-target={it}" for it in made)
        )
    assert deployment.terraform_quietly("state", "list") == ""


def _gap(action: str, service: str, operation: str, reason: str, **given: Any) -> Any:
    """A call that MiniStack does not refuse."""
    marks = pytest.mark.gap(emulator="ministack", reason=reason)
    return pytest.param(action, service, operation, given, marks=marks, id=action)


def _refused(action: str, service: str, operation: str, **given: Any) -> Any:
    return pytest.param(action, service, operation, given, id=action)


@pytest.mark.parametrize(
    ("action", "service", "operation", "given"),
    [
        _refused("iam:CreateUser", "iam", "create_user", UserName="fanout-small-person"),
        _refused("iam:CreateAccessKey", "iam", "create_access_key", UserName="deployer"),
        _refused(
            "iam:PutUserPolicy", "iam", "put_user_policy", UserName="deployer", PolicyName="all", PolicyDocument=ALL
        ),
        _refused("iam:PutRolePolicy", "iam", "put_role_policy", RoleName="other", PolicyName="all", PolicyDocument=ALL),
        _refused(
            "iam:UpdateAssumeRolePolicy", "iam", "update_assume_role_policy", RoleName="other", PolicyDocument=ALL
        ),
        _refused("iam:DeletePolicy", "iam", "delete_policy", PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/other"),
        _refused("sqs:SendMessage", "sqs", "send_message", QueueUrl=f"{QUEUES}/fanout-small-one", MessageBody="{}"),
        _refused("sns:DeleteTopic", "sns", "delete_topic", TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:fanout-other"),
        _refused("dynamodb:DeleteTable", "dynamodb", "delete_table", TableName="fanout-other"),
        _refused("dynamodb:Scan", "dynamodb", "scan", TableName="fanout-small-one"),
        _refused("lambda:DeleteFunction", "lambda", "delete_function", FunctionName="fanout-other"),
        _refused("lambda:InvokeFunction", "lambda", "invoke", FunctionName="fanout-other"),
        _refused("logs:DeleteLogGroup", "logs", "delete_log_group", logGroupName="/aws/lambda/fanout-other"),
        _refused("s3:DeleteBucket", "s3", "delete_bucket", Bucket="fanout-other"),
        _refused("events:DeleteRule", "events", "delete_rule", Name="orders", EventBusName="fanout-other"),
        _refused("states:DeleteStateMachine", "stepfunctions", "delete_state_machine", stateMachineArn=MACHINE),
        _refused("pipes:DeletePipe", "pipes", "delete_pipe", Name="fanout-other"),
        _refused("cloudwatch:PutMetricAlarm", "cloudwatch", "put_metric_alarm", AlarmName="other", **ALARM),
        _refused("kms:CreateKey", "kms", "create_key", Tags=[{"TagKey": "project", "TagValue": "other"}]),
        _gap(
            "cloudwatch:DeleteAlarms", "cloudwatch", "delete_alarms", "asks for it of any alarm", AlarmNames=["other"]
        ),
        _gap("events:DeleteEventBus", "events", "delete_event_bus", "asks for it of a rule's ARN", Name="fanout-other"),
        _gap(
            "iam:PassRole", "lambda", "create_function", "hands any role to a function", FunctionName="new", **HANDING
        ),
    ],
)
def test_a_deployer_is_refused_what_is_not_the_environments(
    deployer: Deployer, action: str, service: str, operation: str, given: Mapping[str, Any]
) -> None:
    """GIVEN a user with the deployer's policies WHEN it asks for what no deployment needs, or for another's resource
    THEN IAM refuses, whether there is such a resource or not."""
    with pytest.raises(ClientError, match=f"not authorized to perform: {action}"):
        getattr(deployer.client(service), operation)(**given)


def test_another_namespaces_queue_stays(deployer: Deployer) -> None:
    sqs = _client("sqs", deployer.endpoints)
    queue = sqs.create_queue(QueueName="fanout-other-orders")["QueueUrl"]
    with pytest.raises(ClientError, match="not authorized to perform: sqs:DeleteQueue"):
        deployer.client("sqs").delete_queue(QueueUrl=queue)
    assert sqs.list_queues(QueueNamePrefix="fanout-other-orders")["QueueUrls"] == [queue]


def test_what_is_granted_wider_here_is_what_a_deployer_has() -> None:
    """GIVEN what MiniStack asks for otherwise than AWS WHEN the policies change THEN none of it is of the past."""
    named = {action for it in _documents() for statement in it["Statement"] for action in statement["Action"]}
    assert {f"{service}:{it}" for service, names in ASKED_OF_ANY.items() for it in names.split()} | set(
        OTHER_NAMES
    ) <= named
