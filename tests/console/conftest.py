"""A shop in trouble, its console, and a browser on it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from fanout_tools.project import project
from scripts.paths import BUILD, REPOSITORY
from tests.apps import chromium
from tests.apps.chromium import Page
from tests.console.served import go, served
from tests.console.world import Shop, console

PICTURES = REPOSITORY / "docs" / "how-to" / "console"
MAX_PICTURE_BYTES = 100_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", action="store_true", help="keep the screenshots in docs/how-to/console")


@pytest.fixture
def shop() -> Shop:
    project().load_contracts()
    made = Shop()
    for number in range(12):
        made.dead_letter(number, error_at="handler.py:31")
    made.dead_letter(90, error="KeyError", text="'sku'", error_at="handler.py:40")
    return made


@dataclass(frozen=True)
class Visit:
    """A browser that the console has let in."""

    page: Page
    url: str
    shop: Shop

    def go(self, path: str) -> None:
        go(self.page, f"{self.url}{path}")

    def text(self) -> str:
        return str(self.page.run("document.body.innerText"))


@pytest.fixture
def visit(shop: Shop) -> Iterator[Visit]:
    path = chromium.find()
    if path is None:
        pytest.fail("needs Chromium: apt-get install chromium, or chromium-browser, or google-chrome")
    with (
        served(lambda host: console(shop, host=host)) as (made, url),
        chromium.browser(path, f"{url}/?token={made.access.token}") as page,
    ):
        for domain in ("Network", "Log", "Runtime", "Page"):
            page.call(f"{domain}.enable")
        yield Visit(page, url, shop)


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Takes a picture of what the window shows, in few colours."""

    def taken(page: Page, name: str) -> None:
        shot = base64.b64decode(page.call("Page.captureScreenshot", format="png")["data"])
        image = (
            Image.open(io.BytesIO(shot))
            .convert("RGB")
            .quantize(96, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        )
        folder: Path = PICTURES if request.config.getoption("--pictures") else BUILD / "console"
        folder.mkdir(parents=True, exist_ok=True)
        image.save(folder / f"{name}.png", optimize=True)
        assert (folder / f"{name}.png").stat().st_size < MAX_PICTURE_BYTES

    return taken
