"""Unit tests reach nothing outside the process."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

from fanout import aws, telemetry

settings.register_profile("fanout", deadline=None)  # a busy machine is no failure
settings.load_profile("fanout")


@pytest.fixture(autouse=True)
def _no_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(variable, raising=False)
    aws.forget_clients()
    telemetry.forget_environment()  # another test's variables, in whatever order an xdist worker has them
    yield
    aws.forget_clients()


@pytest.fixture(autouse=True)
def _log_level() -> Iterator[None]:
    """What a test lets be logged is its own: caplog of another would have more."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
