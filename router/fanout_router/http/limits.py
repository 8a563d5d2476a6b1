"""What a client may cost the front: sizes in bytes, times in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontLimits:
    """Bounds of one client connection, and of all of them."""

    connections: int = 10_000
    url: int = 8_192
    """Request target; above it 414."""
    head: int = 65_536
    """Request line and fields together; above it 431. As large as the largest message head."""
    fields: int = 200
    """Number of request fields; above it 431."""
    body: int | None = None
    """Request body; above it 413. None: unlimited, since bodies stream."""
    pipelined: int = 16
    """Requests of one connection held at a time; above it reading pauses."""
    buffered: int = 65_536
    """Body held for a request that waits for a channel; above it reading pauses."""
    head_timeout: float = 10.0
    """From the first byte of a request to the end of its head; then 408."""
    body_timeout: float = 30.0
    """Between two parts of a request's body; then 408."""
    idle_timeout: float = 75.0
    """Between two requests of a connection, which is then closed."""
    write_timeout: float = 60.0
    """For a client to take what fills its connection's buffer; then the connection is aborted."""
    linger_timeout: float = 2.0
    """For a client to stop sending after a response that came before its request had ended."""
