"""Who asks, in STS's own shapes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from fanout.idempotency.client import Credentials
from fanout_tools.operate.identity import IdentityError, caller, credentials, region

KNOWN = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:sts::123456789012:assumed-role/oncall/ann</Arn><UserId>AROA:ann</UserId><Account>123456789012</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""
EXPIRED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error>
</ErrorResponse>"""
ANN = "arn:aws:sts::123456789012:assumed-role/oncall/ann"


@contextmanager
def sts(*answers: tuple[int, str]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The URL of an STS with these answers, in turn, and the headers that it was asked with."""
    left, asked = list(answers), []

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(dict(self.headers))
            assert self.rfile.read(int(self.headers["content-length"])).startswith(b"Action=GetCallerIdentity")
            status, body = left.pop(0)
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def ask(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
    return caller(Credentials("key", "secret", "token"), "eu-central-1", sleep=lambda _: None)


def test_the_caller_is_asked_for_with_a_signed_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with sts((200, KNOWN)) as (url, asked):
        assert ask(url, monkeypatch) == ANN
    [headers] = asked
    assert "/eu-central-1/sts/aws4_request" in headers["authorization"]
    assert headers["x-amz-security-token"] == "token"


def test_a_failure_of_the_service_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with sts((503, ""), (500, ""), (200, KNOWN)) as (url, asked):
        assert ask(url, monkeypatch) == ANN
    assert len(asked) == 3


def test_expired_credentials_are_told_in_the_words_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    with sts((403, EXPIRED)) as (url, _), pytest.raises(IdentityError, match="ExpiredToken: The security token"):
        ask(url, monkeypatch)


def test_an_endpoint_where_nobody_answers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IdentityError, match=r"http://127\.0\.0\.1:9: ConnectionRefusedError"):
        ask("http://127.0.0.1:9", monkeypatch)


def test_credentials_are_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    assert credentials() == Credentials("key", "test", "token")


def test_credentials_and_region_are_a_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(variable)
    file = tmp_path / "config"
    file.write_text("[profile ann]\nregion = eu-west-1\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "ann")

    assert credentials() == Credentials("a", "b", None)
    assert region() == "eu-west-1"


def test_where_nothing_is_set_it_is_said_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(IdentityError, match="set AWS_PROFILE"):
        credentials()
    with pytest.raises(IdentityError, match="set AWS_REGION"):
        region()
