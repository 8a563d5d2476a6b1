import pytest

from fanout_localstack import ecs_services

ARN = "arn:aws:ecs:us-east-1:000000000000:service/shop/router"


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch):
    """The operations over a moto that, as the real one does, drops the setting."""
    answers = {"service": {"serviceArn": ARN}, "services": [{"serviceArn": ARN}]}
    monkeypatch.setattr(ecs_services, "_proxy_moto", lambda _context, _request: answers)
    made = ecs_services.service_operations()
    return lambda name, **request: made[name](None, request)


def test_what_a_service_was_created_with_is_described(operations):
    created = operations("CreateService", availabilityZoneRebalancing="ENABLED")

    assert created["service"]["availabilityZoneRebalancing"] == "ENABLED"
    assert operations("DescribeServices")["services"] == [{"serviceArn": ARN, "availabilityZoneRebalancing": "ENABLED"}]


def test_an_update_changes_it_and_one_without_it_does_not(operations):
    operations("CreateService", availabilityZoneRebalancing="ENABLED")

    operations("UpdateService", desiredCount=2)
    assert operations("DescribeServices")["services"][0]["availabilityZoneRebalancing"] == "ENABLED"
    operations("UpdateService", availabilityZoneRebalancing="DISABLED")
    assert operations("DescribeServices")["services"][0]["availabilityZoneRebalancing"] == "DISABLED"


def test_without_the_setting_it_is_what_terraform_takes_for_the_default(operations):
    operations("CreateService")

    assert operations("DescribeServices")["services"][0]["availabilityZoneRebalancing"] == "DISABLED"
