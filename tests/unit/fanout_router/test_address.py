"""Which address environments are told."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from fanout_router.config import METADATA_VARIABLE, RouterSettings, control_address
from fanout_router.errors import ConfigError


def settings(**given: object) -> RouterSettings:
    pem = {"control_certificate_pem": SecretStr("x"), "control_key_pem": SecretStr("x")}
    return RouterSettings.load(**{**pem, **given})


@contextmanager
def metadata(body: bytes, status: int = 200) -> Iterator[str]:
    """The task metadata endpoint of ECS."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})  # until shutdown is seen
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v4/task"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def of_container(*networks: dict[str, Any]) -> bytes:
    return json.dumps({"DockerId": "a", "Networks": list(networks)}).encode()


def test_what_is_set_is_told() -> None:
    told = settings(control_host="0.0.0.0", control_address="https://router.internal:8443")
    assert control_address(told, 9_000) == "https://router.internal:8443"


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_the_address_that_is_bound(host: str, shown: str) -> None:
    assert control_address(RouterSettings.load(control_host=host), 9_000) == f"http://{shown}:9000"
    assert control_address(settings(control_host=host), 9_000) == f"https://{shown}:9000"


@pytest.mark.parametrize(
    ("networks", "address"),
    [
        ([{"NetworkMode": "awsvpc", "IPv4Addresses": ["10.0.2.106"]}], "https://10.0.2.106:9000"),
        ([{"IPv6Addresses": ["2001:db8::1"]}], "https://[2001:db8::1]:9000"),
        ([{"IPv4Addresses": ["10.0.2.106"], "IPv6Addresses": ["2001:db8::1"]}], "https://10.0.2.106:9000"),
        ([{}, {"IPv4Addresses": ["10.0.2.107"]}], "https://10.0.2.107:9000"),
    ],
)
def test_an_ecs_task_tells_its_own(
    monkeypatch: pytest.MonkeyPatch, networks: list[dict[str, Any]], address: str
) -> None:
    with metadata(of_container(*networks)) as endpoint:
        monkeypatch.setenv(METADATA_VARIABLE, endpoint)
        assert control_address(settings(control_host="0.0.0.0"), 9_000) == address


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_all_addresses_are_none_to_call_back(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.delenv(METADATA_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match="set DISPATCH_CONTROL_ADDRESS"):
        control_address(settings(control_host=host), 9_000)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 500),
        (b"no json", 200),
        (b"[]", 200),
        (b'{"Networks": null}', 200),
        (of_container(), 200),
        (of_container({"IPv4Addresses": []}), 200),
        (of_container({"IPv4Addresses": ["nowhere"]}), 200),
    ],
)
def test_metadata_that_tell_none_are_an_error(monkeypatch: pytest.MonkeyPatch, body: bytes, status: int) -> None:
    with metadata(body, status) as endpoint:
        monkeypatch.setenv(METADATA_VARIABLE, endpoint)
        with pytest.raises(ConfigError, match=r"metadata tell no address .*set DISPATCH_CONTROL_ADDRESS"):
            control_address(settings(control_host="0.0.0.0"), 9_000)


def test_only_http_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(METADATA_VARIABLE, "file:///etc/hostname")
    with pytest.raises(ConfigError, match="no ECS task"):
        control_address(settings(control_host="0.0.0.0"), 9_000)
