"""Listen where GATEWAY_LISTEN says, and fail when that cannot be.

Wrong in 4.14.0: ``TwistedRuntimeServer.register`` ignores the host of an IPv4 address (its source has a
TODO there), so that LocalStack listens on every interface when it was told 127.0.0.1; and it drops the
Deferred that ``listen`` returns, so that a port that is taken goes unnoticed: LocalStack then prints
"Ready." because something answers on that port.

Known by: ``ss -ltn`` beside a bare LocalStack, and two of them started on one port.
"""

from typing import TYPE_CHECKING

from localstack import config

if TYPE_CHECKING:
    from rolo.gateway import Gateway

__all__ = ["install", "listen"]


def install() -> None:
    """Replace the method that opens the listening sockets."""
    from localstack.runtime.server.twisted import TwistedRuntimeServer

    TwistedRuntimeServer.register = listen


def listen(
    _server: object, gateway: "Gateway", listen: list[config.HostAndPort], ssl_creds: tuple[str, str] | None = None
) -> None:
    """Open a listening socket on each address, plain HTTP and TLS on the same port.

    :raises twisted.internet.error.CannotListenError: an address is taken; LocalStack exits with it.
    """
    from localstack.aws.serving.twisted import TLSMultiplexerFactory
    from rolo.serving.twisted import TwistedGateway
    from twisted.internet import reactor, ssl

    factory = TwistedGateway(gateway)
    if ssl_creds:
        certificate, key = ssl_creds
        context = ssl.DefaultOpenSSLContextFactory(key, certificate)
        context.getContext().use_certificate_chain_file(certificate)
        factory = TLSMultiplexerFactory(context, False, factory)
    for address in listen:
        reactor.listenTCP(address.port, factory, interface=address.host)
