import pytest
from moto.pipes.models import pipes_backends

from fanout_localstack import tags

ARN = "arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/1"


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tags, "_proxy_moto", lambda _context, _request: {"ScalableTargetARN": ARN})
    made = tags.kept_tags(
        create="RegisterScalableTarget", created_arn="ScalableTargetARN", arn="ResourceARN", tags="Tags"
    )
    return lambda name, **request: made[name](None, request)


def test_tags_given_with_a_new_resource_are_listed(operations):
    operations("RegisterScalableTarget", Tags={"owner": "shop"})

    assert operations("ListTagsForResource", ResourceARN=ARN) == {"Tags": {"owner": "shop"}}


def test_tagging_adds_and_untagging_removes(operations):
    operations("TagResource", ResourceARN=ARN, Tags={"a": "1", "b": "2"})
    operations("UntagResource", ResourceARN=ARN, TagKeys=["a", "never-there"])

    assert operations("ListTagsForResource", ResourceARN=ARN) == {"Tags": {"b": "2"}}


def test_registering_again_without_tags_keeps_them(operations):
    operations("RegisterScalableTarget", Tags={"owner": "shop"})
    operations("RegisterScalableTarget")

    assert operations("ListTagsForResource", ResourceARN=ARN) == {"Tags": {"owner": "shop"}}


def test_the_tags_of_a_pipe_are_those_moto_keeps():
    from types import SimpleNamespace

    pipe = pipes_backends["000000000000"]["us-east-1"].create_pipe(
        name="p",
        description=None,
        desired_state="RUNNING",
        source="arn:aws:sqs:us-east-1:000000000000:in",
        source_parameters=None,
        enrichment=None,
        enrichment_parameters=None,
        target="arn:aws:sqs:us-east-1:000000000000:out",
        target_parameters=None,
        role_arn="arn:aws:iam::000000000000:role/p",
        tags={"owner": "shop"},
        log_configuration=None,
        kms_key_identifier=None,
    )
    context = SimpleNamespace(account_id="000000000000", region="us-east-1")

    assert tags.pipe_tags(context, {"resourceArn": pipe.arn}) == {"tags": {"owner": "shop"}}
