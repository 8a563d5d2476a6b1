import socket

import psutil
import pytest
from localstack import config
from localstack.runtime.server.twisted import TwistedRuntimeServer
from rolo.gateway import Gateway
from twisted.internet import reactor
from twisted.internet.error import CannotListenError

from fanout_localstack.fixes import gateway


@pytest.fixture
def port():
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    """LocalStack's server with the fix; the sockets it opens are closed afterwards."""
    opened = []
    listen = reactor.listenTCP
    monkeypatch.setattr(reactor, "listenTCP", lambda *args, **options: opened.append(listen(*args, **options)))
    monkeypatch.setattr(TwistedRuntimeServer, "register", TwistedRuntimeServer.register)
    gateway.install()
    yield TwistedRuntimeServer()
    for open_port in opened:
        open_port.stopListening()


def addresses(port: int) -> list[str]:
    connections = psutil.Process().net_connections("tcp")
    return [item.laddr.ip for item in connections if item.status == psutil.CONN_LISTEN and item.laddr.port == port]


def test_only_the_address_that_was_asked_for_is_listened_on(server, port: int):
    server.register(Gateway(), [config.HostAndPort("127.0.0.1", port)])

    assert addresses(port) == ["127.0.0.1"]


def test_a_port_that_is_taken_is_an_error(server):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]

        with pytest.raises(CannotListenError, match=str(taken)):
            server.register(Gateway(), [config.HostAndPort("127.0.0.1", taken)])
