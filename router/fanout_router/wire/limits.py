"""What a peer may cost us: sizes, and a budget for frames that cost work without moving data.

One budget bounds the whole family of HTTP/2 floods (settings, ping, empty frames, rapid reset CVE-2023-44487,
CONTINUATION CVE-2024-27316, one-byte windows), because they share one property: a conforming peer sends such
frames rarely.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLimits:
    """Sizes in bytes, rates per second, for one connection."""

    frame_size: int = 65_536 + 2_048
    """Largest frame taken: 64 KiB of body fit in one with the head of the response before them."""
    stream_window: int = 4 * (65_536 + 2_048)
    """Four such frames, so that none of them has to be cut in two."""
    connection_window: int = 1 << 24
    streams: int = 1_000
    """Streams open at a time."""
    header_block: int = 16_384
    """Compressed header block, over HEADERS and all its CONTINUATIONs."""
    header_list: int = 32_768
    """Decompressed header list, counted as RFC 9113 section 6.5.2 does: bounds an HPACK bomb."""
    overhead_burst: int = 2_000
    """Frames without progress taken at once."""
    overhead_rate: float = 500.0
    """Frames without progress taken per second, lastingly."""
    small_window_update: int = 1_024
    """A window update below this is a frame without progress."""
    pending_output: int = 1 << 24
    """Bytes held for one stream whose window is closed; the sender is told to pause long before."""


class OverheadBudget:
    """A token bucket for frames without progress, refilled by the clock only when it runs low."""

    __slots__ = ("_burst", "_clock", "_rate", "_since", "_tokens")

    def __init__(self, burst: int, rate: float, clock: Callable[[], float]) -> None:
        self._burst = float(burst)
        self._rate = rate
        self._clock = clock
        self._since = clock()
        self._tokens = self._burst

    def spend(self) -> bool:
        """Take one token; False when the peer has used up its budget."""
        if self._tokens < 1.0:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._since) * self._rate)
            self._since = now
            if self._tokens < 1.0:
                return False
        self._tokens -= 1.0
        return True

    def earn(self) -> None:
        """Give tokens back for a request that came to its end: for its HEADERS, and for one late frame."""
        self._tokens = min(self._burst, self._tokens + 2.0)
