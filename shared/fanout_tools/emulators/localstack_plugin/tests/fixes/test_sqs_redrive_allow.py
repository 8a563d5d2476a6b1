import json
from types import SimpleNamespace

import pytest
from localstack.services.sqs.provider import SqsProvider

from fanout_localstack.fixes import sqs_redrive_allow

POLICY = json.dumps({"redrivePermission": "denyAll"})


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch):
    """A queue that LocalStack's own method sets attributes of, with the fix installed."""
    monkeypatch.setattr(SqsProvider, "set_queue_attributes", SqsProvider.set_queue_attributes)
    sqs_redrive_allow.install()
    queue = SimpleNamespace(attributes={}, validate_queue_attributes=lambda _: None)
    provider = SimpleNamespace(_resolve_queue=lambda _context, queue_url: queue)
    queue.set = lambda **attributes: SqsProvider.set_queue_attributes(provider, None, "url", attributes)
    return queue


def test_an_emptied_policy_is_gone(queue):
    queue.set(RedriveAllowPolicy=POLICY)

    queue.set(RedriveAllowPolicy="")

    assert queue.attributes == {}


def test_a_policy_that_is_set_stays(queue):
    queue.set(RedriveAllowPolicy=POLICY)
    queue.set(DelaySeconds="3")

    assert queue.attributes == {"RedriveAllowPolicy": POLICY, "DelaySeconds": "3"}
