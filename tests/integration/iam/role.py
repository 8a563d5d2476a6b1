"""A worker's role in IAM: what it permits, what is left when one permission is taken away, and calls in its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

import boto3

from tests.integration.platform import client

__all__ = ["Permission", "Role", "of_aws"]

POLICY = "worker"
"""The name of a worker's inline policy, see terraform/modules/worker/role.tf."""

UNSCOPED = "Unscoped"
"""The statement that repeats for any resource what the emulator knows no resource of: no permission of its own."""

PARTIQL = "dynamodb:PartiQL*"
"""The emulator asks for the call around the statements, whichever they are: the four can only be taken together."""


class Permission(NamedTuple):
    """An action of a statement."""

    sid: str
    action: str


@dataclass(frozen=True)
class Role:
    """:param name: in IAM.
    :param policy: the name of its inline policy."""

    name: str
    policy: str = POLICY

    def permissions(self) -> set[Permission]:
        return {
            Permission(statement["Sid"], of_aws(action))
            for statement in self._policy()["Statement"]
            if statement["Sid"] != UNSCOPED
            for action in statement["Action"]
        }

    @contextmanager
    def without(self, permission: Permission) -> Iterator[None]:
        """Take one permission away for a while; the others stay, those to the same action on other resources too."""
        whole = self._policy()
        self._put(_less(whole, permission))
        try:
            yield
        finally:
            self._put(whole)

    @contextmanager
    def granted(self, action: str, resource: str) -> Iterator[None]:
        """Permit the role one call more for a while."""
        iam, policy = client("iam"), "granted"
        statement = {"Effect": "Allow", "Action": [action], "Resource": [resource]}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=self.name, PolicyName=policy, PolicyDocument=document)
        try:
            yield
        finally:
            iam.delete_role_policy(RoleName=self.name, PolicyName=policy)

    @contextmanager
    def assumed(self, session: str = "mapping") -> Iterator[boto3.Session]:
        """A session in the role's name. Its trust is Lambda's alone otherwise."""
        iam, sts = client("iam"), client("sts")
        role, caller = iam.get_role(RoleName=self.name)["Role"], sts.get_caller_identity()["Arn"]
        trust = role["AssumeRolePolicyDocument"]
        mine = {"Effect": "Allow", "Principal": {"AWS": caller}, "Action": "sts:AssumeRole"}
        self._trust({**trust, "Statement": [*trust["Statement"], mine]})
        try:
            given = sts.assume_role(RoleArn=role["Arn"], RoleSessionName=session)["Credentials"]
        finally:
            self._trust(trust)
        yield boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], "us-east-1")

    def _policy(self) -> dict[str, Any]:
        document: dict[str, Any] = client("iam").get_role_policy(RoleName=self.name, PolicyName=self.policy)[
            "PolicyDocument"
        ]
        return document

    def _put(self, policy: dict[str, Any]) -> None:
        client("iam").put_role_policy(RoleName=self.name, PolicyName=self.policy, PolicyDocument=json.dumps(policy))

    def _trust(self, policy: dict[str, Any]) -> None:
        client("iam").update_assume_role_policy(RoleName=self.name, PolicyDocument=json.dumps(policy))


def _less(policy: dict[str, Any], permission: Permission) -> dict[str, Any]:
    less = deepcopy(policy)
    for statement in less["Statement"]:
        if statement["Sid"] in (permission.sid, UNSCOPED):
            statement["Action"] = [it for it in statement["Action"] if of_aws(it) != permission.action]
    assert less != policy, f"the role does not permit {permission}"
    less["Statement"] = [statement for statement in less["Statement"] if statement["Action"]]
    return less


def of_aws(action: str) -> str:
    """An action by AWS's name: the emulator names batched calls their own way, see `iam_dialect` of the local root."""
    if action.startswith("dynamodb:PartiQL") or action == "dynamodb:BatchExecuteStatement":
        return PARTIQL
    if action == "lambda:ListAliases":
        return "lambda:GetAlias"
    return action.removesuffix("Batch") if action.startswith("sqs:") else action
