"""Memory that reads go into: used again, but never under the eyes of somebody who still looks at it."""

from fanout_router.control import ReadBuffers


def test_a_buffer_that_nobody_looks_at_is_used_again() -> None:
    buffers = ReadBuffers()
    first = id(buffers.take())
    assert id(buffers.take()) == first


def test_a_buffer_is_left_alone_while_a_view_of_it_lives() -> None:
    # GIVEN a transport that keeps a part of what was read
    buffers = ReadBuffers()
    buffer = buffers.take()
    buffer[:5] = b"first"
    kept = memoryview(buffer)[:3]
    del buffer
    # WHEN the next read comes
    other = buffers.take()
    other[:5] = b"other"
    # THEN what was kept is as it was
    assert kept.tobytes() == b"fir"
    # AND once it has been written, its memory is used again
    first = id(kept.obj)
    del kept, other
    assert id(buffers.take()) == first


def test_what_is_kept_for_use_again_is_bounded() -> None:
    buffers = ReadBuffers()
    held = [memoryview(buffers.take()) for _ in range(40)]
    assert len({id(view.obj) for view in held}) == 40
    again = {id(view.obj) for view in held}
    held.clear()
    views = [memoryview(buffers.take()) for _ in range(40)]
    assert len(again & {id(view.obj) for view in views[:8]}) == 8
