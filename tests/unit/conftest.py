"""Unit tests reach nothing outside the process."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from fanout import aws

settings.register_profile("fanout", deadline=None)  # a busy machine is no failure
settings.load_profile("fanout")


@pytest.fixture(autouse=True)
def _no_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(variable, raising=False)
    aws.forget_clients()
    yield
    aws.forget_clients()
