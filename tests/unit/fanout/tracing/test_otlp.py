"""Spans on their way to a collector over HTTP: X-Ray's is signed for, no other."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any
from urllib.request import Request

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from fanout.tracing import otlp
from fanout.tracing.otlp import ExportError, export

BODY: dict[str, Any] = {"resourceSpans": [{"scopeSpans": []}]}
XRAY = "https://xray.eu-central-1.amazonaws.com"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What was sent; the collector takes all."""
    requests: list[Request] = []

    def urlopen(request: Request, timeout: float) -> io.BytesIO:
        assert timeout == 10.0
        requests.append(request)
        return io.BytesIO(b"{}")

    monkeypatch.setattr(otlp, "urlopen", urlopen)
    return requests


def fields_of(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.header_items()}


@pytest.mark.parametrize("token", [None, "token"])
def test_xrays_signature_is_botocores(sent: list[Request], token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN credentials, of a role too WHEN spans are sent to X-Ray THEN botocore signs the same request alike."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    if token:
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    else:
        monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    assert export(XRAY, BODY) == 0

    [request] = sent
    fields = fields_of(request)
    assert isinstance(request.data, bytes)
    own = {name: fields[name] for name in ("content-type", "content-encoding")}
    wanted = AWSRequest("POST", request.full_url, headers=own, data=request.data)
    wanted.context["timestamp"] = fields["x-amz-date"]
    signer = SigV4Auth(Credentials("key", "secret", token), "xray", "eu-central-1")
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: _moment(fields["x-amz-date"]))
    signer.add_auth(wanted)

    assert request.full_url == f"{XRAY}/v1/traces"
    assert fields["authorization"] == wanted.headers["Authorization"]
    assert fields.get("x-amz-security-token") == token
    assert json.loads(gzip.decompress(request.data)) == BODY


def _moment(text: str) -> Any:
    from datetime import UTC, datetime

    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "url", ["https://collector.example", "http://127.0.0.1:4318/v1/traces", "https://xray.example.com/v1/traces"]
)
def test_no_other_collector_sees_a_signature(sent: list[Request], url: str) -> None:
    export(url, BODY, headers={"x-api-key": "k"})

    fields = fields_of(sent[0])
    assert fields["x-api-key"] == "k"
    assert not {"authorization", "x-amz-date", "x-amz-security-token"} & fields.keys()


def test_xray_without_credentials_is_told(sent: list[Request], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3.session.Session, "get_credentials", lambda _: None)

    with pytest.raises(ExportError, match="there are no AWS credentials") as told:
        export(XRAY, BODY)
    assert not told.value.may_pass
    assert sent == []
