"""Latency distributions as SVG, without a plotting library: one line per way of dispatch."""

import math
from collections.abc import Mapping

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 640, 320, 60, 30, 40
_COLOURS = ("#0b6e4f", "#c1440e", "#6a4c93", "#555555")
_SHARES = (0.0, 0.5, 0.9, 0.99, 0.999)


def latency_plot(title: str, latencies: Mapping[str, list[float]]) -> str:
    """An SVG: share of requests answered (x, towards all on a logarithmic scale) against latency (y, logarithmic)."""
    highest = max((max(each) for each in latencies.values() if each), default=1.0)
    lines = [_text(_LEFT, 18, title, size=14)]
    for seconds in (0.01, 0.1, 1.0, 10.0, 100.0):
        if seconds <= 2 * highest:
            y = _y(seconds, highest)
            lines.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH}" y2="{y:.1f}" stroke="#ddd"/>')
            lines.append(_text(8, y + 4, f"{seconds:g} s"))
    lines += [_text(_x(share) - 12, _HEIGHT - 20, f"{share:.1%}".replace(".0%", "%")) for share in _SHARES]
    for index, (name, each) in enumerate(latencies.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        lines.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{_points(each, highest)}"/>')
        lines.append(_text(_LEFT + 130 * index, _HEIGHT - 4, name, fill=colour))
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def _points(latencies: list[float], highest: float) -> str:
    ranked = sorted(latencies)
    places = [1 - 10 ** (-step / 40) for step in range(121)]
    return " ".join(f"{_x(p):.1f},{_y(ranked[int(p * (len(ranked) - 1))], highest):.1f}" for p in places if ranked)


def _x(share: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - 20) * -math.log10(max(1 - share, 1e-3)) / 3


def _y(seconds: float, highest: float) -> float:
    low, high = math.log10(0.01), math.log10(max(highest, 0.1) * 1.2)
    height = _HEIGHT - _TOP - _BOTTOM
    return _TOP + height * (1 - (math.log10(max(seconds, 0.01)) - low) / (high - low))


def _text(x: float, y: float, text: str, *, size: int = 11, fill: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}">{text}</text>'
