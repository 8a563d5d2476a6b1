"""Aliases in Lambda, alarms in CloudWatch.

Weighted aliases: https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from fanout_tools.deploy.traffic.model import Alias, TrafficError, Worker

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_lambda import LambdaClient

__all__ = ["LambdaAliases", "ringing_alarms"]

ALARMS_A_CALL: Final = 100
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html"""


class LambdaAliases:
    """The aliases of the workers' functions."""

    def __init__(self, client: LambdaClient) -> None:
        self._client = client

    def get(self, worker: Worker) -> Alias:
        """Where the worker's alias leads.

        :raises TrafficError: it cannot be read.
        """
        try:
            return _alias(self._client.get_alias(FunctionName=worker.function, Name=worker.alias))
        except (ClientError, BotoCoreError) as error:
            raise TrafficError(f"{worker.name}: the alias {worker.alias} cannot be read: {error}") from error

    def lead(self, worker: Worker, seen: Alias, version: str, weights: Mapping[str, float]) -> Alias:
        """Let the alias lead to ``version`` and, by these shares, to others.

        :param seen: the alias as it was; if somebody has changed it since, this is refused.
        :raises TrafficError: it was changed, or Lambda refuses.
        """
        try:
            answer = self._client.update_alias(
                FunctionName=worker.function,
                Name=worker.alias,
                FunctionVersion=version,
                RoutingConfig={"AdditionalVersionWeights": dict(weights)},
                RevisionId=seen.revision,
            )
        except self._client.exceptions.PreconditionFailedException as error:
            raise TrafficError(
                f"{worker.name}: somebody else moves the alias {worker.alias} of {worker.function}; let one deployment "
                "end before the next"
            ) from error
        except (ClientError, BotoCoreError) as error:
            raise TrafficError(f"{worker.name}: the alias {worker.alias} cannot be moved: {error}") from error
        return _alias(answer)


def _alias(answer: Any) -> Alias:
    weights = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return Alias(version=answer["FunctionVersion"], revision=answer["RevisionId"], weights=dict(weights))


def ringing_alarms(client: CloudWatchClient, names: Collection[str]) -> frozenset[str]:
    """Those of the alarms that ring now.

    :raises TrafficError: they cannot be read, or some of them do not exist: nothing would watch.
    """
    states: dict[str, str] = {}
    wanted = sorted(names)
    for start in range(0, len(wanted), ALARMS_A_CALL):
        some = wanted[start : start + ALARMS_A_CALL]
        try:
            answer = client.describe_alarms(AlarmNames=some, MaxRecords=ALARMS_A_CALL)
        except (ClientError, BotoCoreError) as error:
            raise TrafficError(f"the alarms cannot be read, so that nothing would watch: {error}") from error
        states |= {alarm["AlarmName"]: alarm["StateValue"] for alarm in answer["MetricAlarms"]}
    if missing := [name for name in wanted if name not in states]:
        raise TrafficError(f"there is no alarm {', '.join(missing)}, so that nothing would watch the new version")
    return frozenset(name for name, state in states.items() if state == "ALARM")
