"""Memory that the control connections read into, so that a large response is not copied on its way in.

asyncio's ordinary protocols get a new bytes object per read. For 1 MB that is 1 MB copied, and memory taken from
and returned to the system; both cost more than what the router does with the data.
"""

import sys

_SIZE = 262_144
_KEPT = 8
_UNUSED = sys.getrefcount(bytearray()) + 2
"""References to a buffer that only its pool and the loop over the pool know of."""


class ReadBuffers:
    """Buffers, each used again once nobody holds a view of it.

    A transport that cannot write at once keeps the view it was given; the next read then goes elsewhere. That
    every view counts as a reference to its buffer is what CPython guarantees and this relies on.
    """

    def __init__(self) -> None:
        self._buffers: list[bytearray] = []

    def take(self) -> bytearray:
        """A buffer that nobody looks at."""
        for buffer in self._buffers:
            if sys.getrefcount(buffer) <= _UNUSED:
                return buffer
        buffer = bytearray(_SIZE)
        if len(self._buffers) < _KEPT:
            self._buffers.append(buffer)
        return buffer
