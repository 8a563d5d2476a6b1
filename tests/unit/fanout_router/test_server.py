"""The router as a whole without environments: health, metrics, logs, and the control port's strangers."""

import asyncio
import io
import json
from pathlib import Path

import h2.connection
import h2.events
import pytest

from fanout_router.config import RouterSettings
from fanout_router.errors import ConfigError
from fanout_router.logs import AccessLog, EmfLog
from fanout_router.server import Router


def settings(**given: object) -> RouterSettings:
    function = {"name": "web", "app": "no_such_module:app", "queue_timeout_s": 1, "maximum": 1}
    base = {"port": 0, "admin_port": 0, "control_port": 0, "functions": [function]}
    return RouterSettings.load(**{**base, **given})


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def started(**given: object) -> Router:
    router = Router(settings(**given))
    await router.start()
    return router


def test_a_router_needs_a_function() -> None:
    with pytest.raises(ConfigError, match="DISPATCH_FUNCTIONS"):
        Router(settings(functions=[]))


@pytest.mark.parametrize("option", ["certificate", "control_certificate"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, option: str, content: str | None) -> None:
    path = tmp_path / "cert.pem"
    if content is not None:
        path.write_text(content)
    given = {option: path, option.replace("certificate", "key"): path}
    with pytest.raises(ConfigError, match=f"DISPATCH_{option.upper()}: .*cert.pem cannot be used"):
        asyncio.run(started(**given))


def test_health_readiness_and_metrics() -> None:
    async def run() -> None:
        router = await started()
        admin = router.ports["admin"]
        assert (await ask(admin, b"GET /healthz HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert (await ask(admin, b"GET /readyz HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200")
        metrics = await ask(admin, b"GET /metrics?x HTTP/1.1\r\n\r\n")
        for name in (b"dispatch_queue_depth", b"dispatch_environments", b"dispatch_breaker", b"dispatch_invokes_total"):
            assert name + b'{function="web"' in metrics
        assert b" 405 " in await ask(admin, b"POST /healthz HTTP/1.1\r\n\r\n")
        assert b" 404 " in await ask(admin, b"GET / HTTP/1.1\r\n\r\n")
        assert (await ask(admin, b"HEAD /healthz HTTP/1.1\r\n\r\n")).endswith(b"\r\n\r\n")
        assert await ask(admin, b"x" * 10_000) == b""
        await router.drain()
        assert not router.ready()

    asyncio.run(run())


def test_an_app_that_cannot_be_loaded_makes_503_and_not_ready() -> None:
    async def run() -> None:
        router = await started()
        answer = await ask(router.ports["client"], b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503")
        until = asyncio.get_running_loop().time() + 10
        while router.ready() and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.05)
        assert not router.ready()
        assert b" 503 " in await ask(router.ports["admin"], b"GET /readyz HTTP/1.1\r\n\r\n")
        await router.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "authorization", "status"),
    [
        ("/dispatch/v1/channel", "Bearer wrong", b"401"),
        ("/dispatch/v1/channel", "Basic abc", b"401"),
        ("/dispatch/v1/channel", "", b"401"),
        ("/other", "Bearer wrong", b"404"),
    ],
)
def test_a_stranger_is_refused_and_sent_away(path: str, authorization: str, status: bytes) -> None:
    async def run() -> tuple[list[bytes], Router]:
        router = await started()
        reader, writer = await asyncio.open_connection("127.0.0.1", router.ports["control"])
        client = h2.connection.H2Connection()
        client.initiate_connection()
        fields = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", path)]
        fields += [("dispatch-environment", "web.0"), ("authorization", authorization)]
        for stream in (1, 3, 5):
            client.send_headers(stream, fields)
        writer.write(client.data_to_send())
        seen: list[h2.events.Event] = []
        while data := await asyncio.wait_for(reader.read(65_536), 10):
            seen += client.receive_data(data)
        writer.close()
        answers = [event for event in seen if isinstance(event, h2.events.ResponseReceived)]
        await router.close()
        return [bytes(dict(answer.headers or [])[b":status"]) for answer in answers], router

    statuses, router = asyncio.run(run())
    assert statuses == [status] * 3
    assert router.port.refused == 3


def test_strangers_that_say_nothing_are_few_and_not_kept() -> None:
    async def run() -> None:
        router = await started()
        router.port.max_unauthenticated = 3
        pairs = [await asyncio.open_connection("127.0.0.1", router.ports["control"]) for _ in range(6)]
        await asyncio.sleep(0.2)
        assert len(router.port.unauthenticated) <= 3
        router.port.sweep(asyncio.get_running_loop().time() + 60)
        await asyncio.sleep(0.1)
        assert not router.port.unauthenticated
        for _, writer in pairs:
            writer.close()
        await router.close()

    asyncio.run(run())


def test_the_access_log_is_json_without_the_query() -> None:
    out = io.StringIO()

    async def run() -> None:
        router = await started(functions=[{"name": "web", "app": "no:app", "queue_length": 0}])
        router.front.access_log = AccessLog(out)
        await ask(router.ports["client"], b"GET /a?token=secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await router.close()

    asyncio.run(run())
    line = json.loads(out.getvalue())
    assert (line["path"], line["status"], line["function"]) == ("/a", 503, "web")
    assert "secret" not in out.getvalue()


def test_emf_lines_hold_the_change_since_the_last() -> None:
    router = Router(settings())
    out = io.StringIO()
    emf = EmfLog(router, "Shop", out)

    async def run() -> None:
        await router.start()
        router.front.counts["web"].statuses.update({200: 5, 502: 1})
        counts = router.fleets[0].dispatcher.counts
        counts.submitted, counts.queue_seconds = 6, 1.5
        emf.write()
        router.front.counts["web"].statuses[200] += 2
        counts.submitted, counts.queue_seconds = 8, 1.6
        for _ in range(5):
            router.fleets[0].breaker.failed()
        emf.write()
        await router.close()

    asyncio.run(run())
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["Requests"], first["Errors5xx"], second["Requests"], second["Errors5xx"]) == (6, 1, 2, 0)
    assert (first["QueueTime"], second["QueueTime"]) == (250.0, 50.0)
    assert (first["BreakerOpen"], second["BreakerOpen"]) == (0, 1)
    described = first["_aws"]["CloudWatchMetrics"][0]
    assert described["Namespace"] == "Shop"
    assert {metric["Name"] for metric in described["Metrics"]} == first.keys() - {"_aws", "Function"}
