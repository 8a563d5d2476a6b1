"""Tags that an alarm is created with are kept.

Wrong in 4.14.0: PutMetricAlarm and PutCompositeAlarm ignore ``Tags``, and DeleteAlarms leaves the tags that
TagResource has set, for the next alarm of that name.

Known by: ``terraform plan`` after ``terraform apply``, which wants to add all tags of every alarm once more.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from localstack.aws.api import RequestContext

if TYPE_CHECKING:
    from localstack.services.cloudwatch.provider_v2 import CloudwatchProvider

__all__ = ["install"]

Put = Callable[["CloudwatchProvider", RequestContext, dict[str, Any]], None]


def install() -> None:
    """Keep the tags of new alarms, and forget those of deleted ones."""
    from localstack.services.cloudwatch.provider_v2 import CloudwatchProvider
    from localstack.utils.patch import patch

    @patch(CloudwatchProvider.put_metric_alarm)
    def put_metric_alarm(fn: Put, self: CloudwatchProvider, context: RequestContext, request: dict[str, Any]) -> None:
        _put(fn, self, context, request)

    @patch(CloudwatchProvider.put_composite_alarm)
    def put_composite_alarm(
        fn: Put, self: CloudwatchProvider, context: RequestContext, request: dict[str, Any]
    ) -> None:
        _put(fn, self, context, request)

    @patch(CloudwatchProvider.delete_alarms)
    def delete_alarms(
        fn: Callable[..., None],
        self: CloudwatchProvider,
        context: RequestContext,
        alarm_names: list[str],
        **kwargs: Any,
    ) -> None:
        fn(self, context, alarm_names, **kwargs)
        tags = self.get_store(context.account_id, context.region).TAGS
        for name in alarm_names:
            tags.del_resource(_arn(context, name))


def _put(put: Put, provider: "CloudwatchProvider", context: RequestContext, request: dict[str, Any]) -> None:
    """Call ``put``; on AWS, ``Tags`` counts for a new alarm only."""
    # LocalStack would keep the tags with the alarm as well, and complain about them at every DescribeAlarms.
    tags = request.pop("Tags", None)
    arn = _arn(context, request["AlarmName"])
    store = provider.get_store(context.account_id, context.region)
    is_new = arn not in store.alarms
    put(provider, context, request)
    if tags and is_new:
        store.TAGS.tag_resource(arn, tags)


def _arn(context: RequestContext, name: str) -> str:
    from localstack.utils.aws.arns import cloudwatch_alarm_arn

    return cloudwatch_alarm_arn(name, account_id=context.account_id, region_name=context.region)
