"""Tags that an alarm is created with are kept.

Wrong in 4.14.0: PutMetricAlarm and PutCompositeAlarm ignore ``Tags``, and DeleteAlarms leaves the tags that
TagResource has set, for the next alarm of that name.

Known by: ``terraform plan`` after ``terraform apply``, which wants to add all tags of every alarm once more.
"""

__all__ = ["install"]


def install() -> None:
    """Keep the tags of new alarms, and forget those of deleted ones."""
    from localstack.services.cloudwatch.provider_v2 import CloudwatchProvider
    from localstack.utils.patch import patch

    @patch(CloudwatchProvider.put_metric_alarm)
    def put_metric_alarm(fn, self, context, request):
        _put(fn, self, context, request)

    @patch(CloudwatchProvider.put_composite_alarm)
    def put_composite_alarm(fn, self, context, request):
        _put(fn, self, context, request)

    @patch(CloudwatchProvider.delete_alarms)
    def delete_alarms(fn, self, context, alarm_names, **kwargs):
        fn(self, context, alarm_names, **kwargs)
        tags = self.get_store(context.account_id, context.region).TAGS
        for name in alarm_names:
            tags.del_resource(_arn(context, name))


def _put(put, provider, context, request) -> None:
    """Call ``put``; on AWS, ``Tags`` counts for a new alarm only."""
    # LocalStack would keep the tags with the alarm as well, and complain about them at every DescribeAlarms.
    tags = request.pop("Tags", None)
    arn = _arn(context, request["AlarmName"])
    store = provider.get_store(context.account_id, context.region)
    is_new = arn not in store.alarms
    put(provider, context, request)
    if tags and is_new:
        store.TAGS.tag_resource(arn, tags)


def _arn(context, name: str) -> str:
    from localstack.utils.aws.arns import cloudwatch_alarm_arn

    return cloudwatch_alarm_arn(name, account_id=context.account_id, region_name=context.region)
