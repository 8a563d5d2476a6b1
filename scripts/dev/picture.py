"""A session of ``fanout dev`` as an SVG that plays itself: ``python -m scripts.dev.picture`` writes
docs/how-to/dev.svg.

The command runs for real on a project of one worker: an event fails, the handler is corrected, and the retry succeeds.
What is shown is what was printed, when it was printed.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import httpx

from scripts.bench.dev import Running, running
from scripts.paths import REPOSITORY

__all__ = ["Line", "svg"]

PICTURE = REPOSITORY / "docs" / "how-to" / "dev.svg"
ORDER = "shop.orders/OrderPlaced"
LINE_PX, LETTER_PX, MARGIN_PX = 19, 7.85, 16
COLUMNS = 118
TRIES = 20
COLOURS = {
    "$": "#e6edf3",
    "#": "#8b949e",
    "handled": "#3fb950",
    "retried": "#d29922",
    "rejected": "#f85149",
    "dev": "#39c5cf",
    "trace": "#f0938d",
}

DECLARED = """description: Reserve stock
subscribes: [{ event: shop.orders/OrderPlaced }]
retry: { base_s: 9, cap_s: 9 }
"""
HANDLER = """from contracts.orders import OrderPlaced
from fanout import Context, Retry, Worker

worker = Worker(__file__)


@worker.handles(OrderPlaced)
def reserve(order: OrderPlaced, context: Context) -> None:
    print(f"    {len(order.lines)} lines reserved for {order.LOOKED_FOR}")


handler = worker.lambda_handler
"""
CONTRACT = """from fanout import Event


class OrderPlaced(Event, source="shop.orders"):
    order_id: str
    lines: list[str]
"""


class Line(NamedTuple):
    """One line of the terminal.

    :ivar at: when it comes, in seconds.
    """

    at: float
    text: str


def project(root: Path) -> Path:
    """A project whose one handler has a mistake."""
    worker = root / "services" / "stock"
    for folder in (worker, root / "contracts"):
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
    (root / "services" / "__init__.py").touch()
    (root / "pyproject.toml").write_text("[tool.fanout]\n", encoding="utf-8")
    (root / "contracts" / "orders.py").write_text(CONTRACT, encoding="utf-8")
    (worker / "worker.yaml").write_text(DECLARED, encoding="utf-8")
    (worker / "handler.py").write_text(HANDLER.replace("LOOKED_FOR", "id"), encoding="utf-8")
    return root


def record(root: Path) -> list[Line]:
    """Play the session; what a person does is a line beginning with #."""
    began, lines = time.monotonic(), [Line(0.0, "$ fanout dev")]

    def take(it: Running, text: str) -> str:
        found = it.wait(text)
        known = len([line for line in lines if not line.text.startswith(("$", "#"))])
        new = zip(it.times[known:], it.lines[known:], strict=False)
        lines.extend(Line(at - began, line.rstrip("\n")) for at, line in new)
        return found

    def person(text: str) -> None:
        lines.append(Line(time.monotonic() - began, f"# {text}"))

    with running(root) as it:
        url = take(it, "Send events: ").split()[-1]
        time.sleep(2)
        person("in the browser: an order is filled in and sent")
        send(url)
        take(it, "retried")
        time.sleep(2)
        person('services/stock/handler.py is saved: "order.id" is "order.order_id" now')
        handler = root / "services" / "stock" / "handler.py"
        handler.write_text(HANDLER.replace("LOOKED_FOR", "order_id"), encoding="utf-8")
        take(it, "handled")
        time.sleep(1)
    return [Line(line.at, tidy(line.text, root)) for line in lines]


def send(url: str) -> None:
    """As the page's form does."""
    with httpx.Client(follow_redirects=True) as browser:
        browser.get(url)
        page = browser.get(httpx.URL(url).join(f"/send?event={ORDER}")).text
        token = re.search(
            r'action="/send" class="stacked"><input type="hidden" name="form_token" value="([^"]+)"', page
        )
        assert token
        data = {"form_token": token[1], "event": ORDER, "of": "", "data": '{"order_id": "o-7", "lines": ["cd-1"]}'}
        browser.post(httpx.URL(url).join("/send"), data=data)


def is_plain(lines: Sequence[Line]) -> bool:
    """Whether the random backoff has left a person time to correct the handler."""
    return sum(" retried " in line.text for line in lines) == 1


def tidy(text: str, root: Path) -> str:
    """Without what is this machine's."""
    text = re.sub(r'File ".*/site-packages/', 'File "', text.replace(f"{root}/", ""))
    return re.sub(r"token=\S+", "token=…", text)


def svg(lines: Sequence[Line], title: str) -> str:
    """The lines one after the other; for who wants no motion, all at once."""
    width = MARGIN_PX * 2 + COLUMNS * LETTER_PX
    height = MARGIN_PX * 2 + LINE_PX * (len(lines) + 1)
    times = "".join(f".l{number}{{animation-delay:{line.at:.2f}s}}" for number, line in enumerate(lines))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title>\n'
        "<style>text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre}"
        "@media (prefers-reduced-motion:no-preference){text{animation:come .05s linear both}"
        f"{times}}}@keyframes come{{from{{opacity:0}}to{{opacity:1}}}}</style>\n"
        f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n{"".join(_texts(lines))}</svg>\n'
    )


def _texts(lines: Sequence[Line]) -> Iterable[str]:
    for number, line in enumerate(lines):
        text = line.text if len(line.text) <= COLUMNS else f"{line.text[: COLUMNS - 1]}…"
        y = MARGIN_PX + LINE_PX * (number + 1)
        yield f'<text class="l{number}" x="{MARGIN_PX}" y="{y}" fill="{_colour(line.text)}">{escape(text)}</text>\n'


def _colour(text: str) -> str:
    if text[:1] in ("$", "#"):
        return COLOURS[text[0]]
    words = text.split()
    known = [COLOURS[word] for word in words[1:3] if word in COLOURS]
    if known:
        return known[0]
    is_trace = text.startswith(("  ", "Traceback", "AttributeError")) and "reserved" not in text
    return COLOURS["trace"] if is_trace else COLOURS["$"]


def main() -> None:
    """Play it, and write it down."""
    root = Path(tempfile.mkdtemp())
    try:
        lines = next(each for number in range(TRIES) if is_plain(each := record(project(root / str(number)))))
    finally:
        shutil.rmtree(root)
    PICTURE.write_text(
        svg(lines, "fanout dev: an event fails, the handler is saved, the retry succeeds"), encoding="utf-8"
    )
    print(f"{PICTURE}: {lines[-1].at:.0f} s")


if __name__ == "__main__":
    main()
