"""Web functions without a router: requests come by a function URL or an HTTP API, as Terraform has deployed them."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.integration.conftest import EMULATOR
from tests.integration.platform import NOT_HELD, Platform

PATIENCE_S = 240.0
needs_api = pytest.mark.skipif("desk" in NOT_HELD.get(EMULATOR, ()), reason="it has no HTTP APIs")


@pytest.fixture(scope="module")
def addresses(platform: Platform) -> dict[str, str]:
    return dict(platform.outputs()["web"])


def ask(address: str, **given: Any) -> httpx.Response:
    """What the emulator answers to a request for this address, which no DNS knows."""
    url = f"{os.environ['AWS_ENDPOINT_URL']}/a%20b/c?x=1&x=2"
    given["Host"] = urlsplit(address).netloc
    return httpx.post(url, headers=given, content=b"body", timeout=PATIENCE_S)


@pytest.mark.parametrize("name", ["greeter", pytest.param("desk", marks=needs_api)])
def test_a_request_reaches_the_app_and_its_answer_comes_back(addresses: dict[str, str], name: str) -> None:
    """GIVEN an ASGI app that streams behind a function URL, and a WSGI app behind an HTTP API WHEN called without a
    router THEN method, path, query and body come, and status, body and cookies go."""
    answer = ask(addresses[name])

    assert (answer.status_code, answer.text) == (201, "POST /a b/c?x=1&x=2 body")
    assert answer.headers["content-type"].startswith("text/plain")
    if not EMULATOR.startswith("localstack"):  # whose function URLs lose the cookies of answers
        assert sorted(answer.headers.get_list("set-cookie")) == ["a=1", "b=2"]


@pytest.mark.gap(emulator="ministack", reason="it runs no wrapper scripts")
def test_a_function_that_streams_is_run_by_the_adapters_own_loop(addresses: dict[str, str]) -> None:
    assert ask(addresses["greeter"]).headers["x-streamed"] == "True"


@needs_api
def test_nobody_without_a_token_reaches_the_app(addresses: dict[str, str]) -> None:
    """GIVEN an HTTP API that asks for tokens WHEN called without one, or with a forged one THEN it is answered 401."""
    forged = "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5pbnZhbGlkIn0.e30"
    assert [ask(addresses["vault"]).status_code, ask(addresses["vault"], Authorization=forged).status_code] == [
        401,
        401,
    ]
