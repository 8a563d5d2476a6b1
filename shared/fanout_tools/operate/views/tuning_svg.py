"""The tuning curve as a picture: cost and time of a record over memory, a line for each batch size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Final

from fanout_tools.operate.views.tuning import Point

__all__ = ["svg"]

WIDTH, HEIGHT, MARGIN, GAP = 720, 300, 64, 56
COLOURS: Final = ("#1b6ca8", "#c0392b", "#2e7d32", "#6a3d9a", "#b8860b")
"""Told apart by people who do not see red or green by their order and their dashes too."""
DASHES: Final = ("", "6 3", "2 3", "8 3 2 3", "1 4")


def svg(worker: str, curve: Sequence[Point], chosen: Point) -> str:
    """Two charts under each other; numbers stand at the points, so that it can be read without colours."""
    charts = [
        ("USD per million records", lambda point: point.usd_a_million),
        ("ms per record", lambda point: point.ms_a_record),
    ]
    height = len(charts) * (HEIGHT + GAP) + GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="11" role="img"><title>{escape(worker)}: cost and time of a record over memory</title>'
        f'<rect width="100%" height="100%" fill="white"/>'
    )
    body = ""
    for number, (title, value) in enumerate(charts):
        chart = "".join(_chart(title, curve, chosen, value))
        body += f'<g transform="translate(0 {GAP + number * (HEIGHT + GAP)})">{chart}</g>'
    return f"{head}{body}</svg>\n"


def _chart(title: str, curve: Sequence[Point], chosen: Point, value: Callable[[Point], float]) -> Iterator[str]:
    memories = sorted({point.memory_mb for point in curve})
    most = max(value(point) for point in curve) or 1.0
    low, high = math.log2(memories[0]), math.log2(memories[-1])

    def at(point: Point) -> tuple[float, float]:
        across = (math.log2(point.memory_mb) - low) / (high - low) if high > low else 0.5
        return MARGIN + across * (WIDTH - 2 * MARGIN), HEIGHT - value(point) / most * (HEIGHT - 24)

    yield f'<text x="{MARGIN}" y="-8" font-size="13" font-weight="bold">{escape(title)}</text>'
    yield f'<path d="M{MARGIN} 0V{HEIGHT}H{WIDTH - MARGIN}" fill="none" stroke="#555"/>'
    for memory in memories:
        x, _ = at(next(point for point in curve if point.memory_mb == memory))
        yield f'<text x="{x:.0f}" y="{HEIGHT + 16}" text-anchor="middle">{memory} MB</text>'
    for number, batch in enumerate(sorted({point.batch for point in curve})):
        yield from _line([point for point in curve if point.batch == batch], number, at, value)
    x, y = at(chosen)
    ring = 'fill="none" stroke="black" stroke-width="2"'
    yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" {ring}><title>chosen</title></circle>'


def _line(
    line: Sequence[Point], number: int, at: Callable[[Point], tuple[float, float]], value: Callable[[Point], float]
) -> Iterator[str]:
    colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    places = [at(point) for point in line]
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
    for point, (x, y) in zip(line, places, strict=True):
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
        yield f'<text x="{x + 5:.1f}" y="{y - 5:.1f}" fill="{colour}">{value(point):.3g}</text>'
    x, y = places[-1]
    yield f'<text x="{x + 8:.1f}" y="{y + 14:.1f}" fill="{colour}">batch {line[0].batch}</text>'
