"""Changes of bytes that parsers have been broken by."""

import random

__all__ = ["INTERESTING_NUMBERS", "mutated", "mutated_frames", "split_frames"]

INTERESTING_NUMBERS = (0, 1, 2, 3, 4, 5, 8, 9, 127, 128, 255, 16_383, 16_384, 16_385, 65_535, 65_536, 65_552, 65_553)
_LONGEST = 200_000
_HEADER = 9


def mutated(rng: random.Random, data: bytes, other: bytes, tokens: tuple[bytes, ...]) -> bytes:
    """``data`` after one to four changes."""
    found = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        _change(rng, found, other, tokens)
    return bytes(found[:_LONGEST])


def _change(rng: random.Random, data: bytearray, other: bytes, tokens: tuple[bytes, ...]) -> None:
    at = rng.randrange(len(data) + 1)
    size = min(rng.choice((1, 1, 2, 4, 16, 64)), len(data) - at)
    kind = rng.randrange(8)
    if kind == 0 and data:
        data[at % len(data)] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[at : at + size]
    elif kind == 2:
        data[at:at] = rng.randbytes(rng.randrange(1, 6))
    elif kind == 3:
        data[at:at] = data[at : at + size] * rng.randrange(1, 4)
    elif kind == 4 and other:
        start = rng.randrange(len(other))
        data[at:at] = other[start : start + rng.choice((8, 64, 512))]
    elif kind == 5:
        del data[at:]
    else:
        data[at : at + rng.choice((0, 0, size))] = rng.choice(tokens)


def split_frames(data: bytes) -> list[bytes]:
    """HTTP/2 frames; the last may be cut off."""
    found = []
    while data:
        size = _HEADER + int.from_bytes(data[:3], "big") if len(data) >= _HEADER else len(data)
        found.append(data[:size])
        data = data[size:]
    return found


def mutated_frames(rng: random.Random, data: bytes, other: bytes, tokens: tuple[bytes, ...]) -> bytes:
    """``data`` with whole frames changed, moved, repeated, dropped or taken from ``other``."""
    found, theirs = split_frames(data), split_frames(other)
    for _ in range(rng.randrange(1, 4)):
        if not found:
            break
        at = rng.randrange(len(found))
        kind = rng.randrange(6)
        if kind == 0:
            del found[at]
        elif kind == 1:
            found[at:at] = [found[at]] * rng.choice((1, 2, 50))
        elif kind == 2:
            found.insert(rng.randrange(len(found)), found.pop(at))
        elif kind == 3 and theirs:
            found.insert(at, rng.choice(theirs))
        elif kind == 4 and len(found[at]) >= _HEADER:
            found[at] = _changed_frame(rng, found[at])
        else:
            found[at] = mutated(rng, found[at], other, tokens)
    return b"".join(found)[:_LONGEST]


def _changed_frame(rng: random.Random, frame: bytes) -> bytes:
    """A frame with one field of its header changed; the length stays true, unless that is what is changed."""
    header, payload = bytearray(frame[:_HEADER]), frame[_HEADER:]
    kind = rng.randrange(5)
    if kind == 0:
        header[3] = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 200))
    elif kind == 1:
        header[4] ^= rng.choice((1, 4, 8, 0x20))
    elif kind == 2:
        header[5:9] = rng.choice((0, 1, 2, 3, 5, 7, 0x7FFFFFFF, 0xFFFFFFFF)).to_bytes(4, "big")
    elif kind == 3:
        payload = payload[: rng.randrange(len(payload) + 1)]
    if kind == 4:
        header[0:3] = rng.choice((0, 1, 9, 16_384, 65_552, 65_553, 0xFFFFFF)).to_bytes(3, "big")
    else:
        header[0:3] = len(payload).to_bytes(3, "big")
    return bytes(header) + payload
