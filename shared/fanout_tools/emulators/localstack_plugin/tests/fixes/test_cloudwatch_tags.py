from types import SimpleNamespace

import pytest
from localstack.services.cloudwatch.provider_v2 import CloudwatchProvider
from localstack.utils.tagging import TaggingService

from fanout_localstack.fixes import cloudwatch_tags

CONTEXT = SimpleNamespace(account_id="000000000000", region="us-east-1")
ARN = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:depth"
OWNER = {"Key": "owner", "Value": "shop"}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> CloudwatchProvider:
    """LocalStack's provider with an empty store, an idle scheduler, and the fix installed."""
    for name in ("put_metric_alarm", "put_composite_alarm", "delete_alarms"):
        monkeypatch.setattr(CloudwatchProvider, name, getattr(CloudwatchProvider, name))
    cloudwatch_tags.install()
    provider = CloudwatchProvider.__new__(CloudwatchProvider)
    provider.alarm_scheduler = SimpleNamespace(
        schedule_metric_alarm=lambda _: None, delete_scheduler_for_alarm=lambda _: None
    )
    store = SimpleNamespace(alarms={}, TAGS=TaggingService())
    provider.get_store = lambda *_: store
    return provider


def tags(provider: CloudwatchProvider) -> list[dict[str, str]]:
    return provider.list_tags_for_resource(CONTEXT, ARN)["Tags"]


def test_tags_of_a_new_alarm_are_kept_and_not_in_the_alarm(provider):
    provider.put_metric_alarm(CONTEXT, {"AlarmName": "depth", "Tags": [OWNER]})

    assert tags(provider) == [OWNER]
    assert "Tags" not in provider.get_store().alarms[ARN].alarm


def test_tags_of_a_composite_alarm_are_kept(provider):
    provider.put_composite_alarm(CONTEXT, {"AlarmName": "depth", "AlarmRule": f"ALARM({ARN})", "Tags": [OWNER]})

    assert tags(provider) == [OWNER]


def test_tags_given_with_a_change_of_an_alarm_are_ignored_as_on_aws(provider):
    provider.put_metric_alarm(CONTEXT, {"AlarmName": "depth", "Tags": [OWNER]})

    provider.put_metric_alarm(CONTEXT, {"AlarmName": "depth", "Tags": [{"Key": "owner", "Value": "other"}]})

    assert tags(provider) == [OWNER]


def test_a_deleted_alarm_leaves_no_tags_to_the_next_of_its_name(provider):
    provider.put_metric_alarm(CONTEXT, {"AlarmName": "depth", "Tags": [OWNER]})

    provider.delete_alarms(CONTEXT, ["depth"])
    provider.put_metric_alarm(CONTEXT, {"AlarmName": "depth"})

    assert tags(provider) == []
