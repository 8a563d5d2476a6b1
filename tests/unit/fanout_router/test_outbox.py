"""Writes of one turn of the loop become one; a transport that has closed meanwhile takes none."""

import asyncio
from collections.abc import Iterable

import pytest

from fanout_router.outbox import Outbox


class Transport(asyncio.Transport):
    """Keeps what is written; like uvloop's, it raises once it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.closed:
            raise RuntimeError("the handler is closed")
        self.written.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        for each in list_of_data:
            self.write(each)


@pytest.mark.parametrize(("size", "copies", "writes"), [(2, 1, 1), (40_000, 1, 3), (3_000, 50, 1)])
def test_what_is_written_in_one_turn_is_sent_in_order(size: int, copies: int, writes: int) -> None:
    """GIVEN little, much in few pieces, or in many WHEN written THEN it is joined but for few large pieces."""

    async def run() -> Transport:
        transport, outbox = Transport(), Outbox(asyncio.get_running_loop())
        outbox.attach(transport)
        for letter in b"abc":
            for _ in range(copies):
                outbox.write(bytes([letter]) * size)
        assert not transport.written
        await asyncio.sleep(0)
        return transport

    transport = asyncio.run(run())
    whole = size * copies
    assert b"".join(transport.written) == b"a" * whole + b"b" * whole + b"c" * whole
    assert len(transport.written) == writes


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_transport_that_closed_meanwhile_is_left_alone(pieces: int) -> None:
    async def run() -> list[dict[str, object]]:
        problems: list[dict[str, object]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, problem: problems.append(problem))
        transport, outbox = Transport(), Outbox(loop)
        outbox.attach(transport)
        for _ in range(pieces):
            outbox.write(b"late")
        transport.closed = True
        await asyncio.sleep(0)
        outbox.write(b"later still")
        await asyncio.sleep(0)
        return problems

    assert asyncio.run(run()) == []
