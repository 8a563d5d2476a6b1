from types import SimpleNamespace

import pytest
from localstack.services.lambda_.invocation.event_manager import Poller

from fanout_localstack.fixes import lambda_alias_destinations

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:billing"


class Settings:
    """Settings without destinations, which tell when they are asked for them."""

    def __init__(self, name: str, asked: list[str]) -> None:
        self.name = name
        self.asked = asked

    @property
    def destination_config(self) -> dict[str, object]:
        self.asked.append(self.name)
        return {}


@pytest.fixture
def end(monkeypatch: pytest.MonkeyPatch):
    """Ends an invocation of an ARN, badly and well; returns whose destinations were asked for."""
    for name in ("process_failure_destination", "process_success_destination"):
        monkeypatch.setattr(Poller, name, getattr(Poller, name))
    lambda_alias_destinations.install()
    asked = []
    configs = {"live": Settings("alias", asked), "3": Settings("version", asked)}
    poller = object.__new__(Poller)
    poller.version_manager = SimpleNamespace(function=SimpleNamespace(event_invoke_configs=configs))

    def end(arn: str) -> list[str]:
        invocation = SimpleNamespace(invocation=SimpleNamespace(invoked_arn=arn))
        poller.process_failure_destination(invocation, None, Settings("found", asked), "RetriesExhausted")
        poller.process_success_destination(invocation, None, Settings("found", asked))
        return asked

    return end


@pytest.mark.parametrize(
    ("arn", "asked"),
    [
        (f"{FUNCTION}:live", ["alias", "alias"]),
        (f"{FUNCTION}:3", ["version", "version"]),
        (f"{FUNCTION}:other", []),
        (FUNCTION, ["found", "found"]),
    ],
)
def test_the_invoked_alias_has_its_own_destinations(end, arn, asked):
    assert end(arn) == asked
