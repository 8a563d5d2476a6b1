"""A person at the storefront's page, in a real browser, through the router."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps import chromium
from tests.apps.support import SERVED, routed
from tests.console.served import shape, violations

UPLOAD_BYTES = 3_000_000
SEND = f"""
fetch("/files", {{method: "POST", body: new Uint8Array({UPLOAD_BYTES})}}).then((answer) => answer.json())
"""
ORDER = """
for (const input of document.querySelectorAll("#order input")) {
  if (input.type === "email") input.value = "ann@customers.example";
  else if (input.type === "number") input.value = 1;
  else input.value = "ann";
}
window.seen = [];
new MutationObserver(() => window.seen.push(document.querySelectorAll("#progress tr[data-state=done]").length))
  .observe(document.querySelector("#progress"), {childList: true, subtree: true});
document.querySelector("#order").requestSubmit();
"""


@pytest.fixture
def page(tmp_path: Path) -> Iterator[chromium.Page]:
    path = chromium.find()
    if path is None:
        pytest.skip("needs the package chromium")
    with (
        routed(Path(sys.executable), f"{SERVED}.storefront:app", tmp_path) as address,
        chromium.browser(path, address) as found,
    ):
        yield found


@pytest.mark.shop
def test_an_order_is_watched_to_its_end_and_a_file_sent(page: chromium.Page) -> None:
    """GIVEN the page WHEN an order is placed THEN its progress is shown as it comes; and an upload arrives whole."""
    page.run(ORDER)
    said = page.wait("""document.querySelector("#said").textContent.includes("everything is done")
        && document.querySelector("#said").textContent""")
    assert said.startswith("Order ")
    rows = page.run("[...document.querySelectorAll('#progress tbody tr')].map((row) => row.dataset.state)")
    assert rows == ["done"] * 3
    assert sorted(set(page.run("window.seen"))) in ([0, 1, 2, 3], [1, 2, 3])  # as it came, not all at once
    assert page.run(SEND)["size"] == UPLOAD_BYTES
    assert page.run('document.styleSheets.length && document.styleSheets[0].href.endsWith("storefront.css")')


@pytest.mark.shop
def test_the_page_is_accessible_light_and_dark_and_on_a_phone(page: chromium.Page) -> None:
    """GIVEN the page before and after an order WHEN it is seen light and dark, on a desk and on a phone THEN axe finds
    nothing, and nothing is wider than the phone."""
    found: list[str] = []
    for ordered in (False, True):
        if ordered:
            page.run(ORDER)
            page.wait("""document.querySelector("#said").textContent.includes("everything is done")""")
        for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
            shape(page, width=width, dark=dark)
            place = f"{'ordered ' if ordered else ''}{width} {'dark' if dark else 'light'}"
            found += [f"{place}: {it}" for it in violations(page)]
            wide = page.run("document.documentElement.scrollWidth")
            found += [f"{place}: {wide} wide"] if wide > width else []
    assert found == [], "\n".join(found)
