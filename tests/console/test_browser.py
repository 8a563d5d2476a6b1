"""The console in a real browser: what a person sees, hears and does, and the incident from alarm to end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from fanout_tools.operate.views.tuning import Report, dumped
from tests.apps.chromium import Page
from tests.console.conftest import Visit
from tests.console.served import foreign, shape, violations
from tests.console.world import ROOT, Shop

LETTER = "80b4c862-0d0e-4d0b-a7a4-000000000003"
PAGES = {
    "overview": "/",
    "worker": "/w/inventory",
    "event": f"/e/{ROOT}",
    "dead-letters": "/d/inventory",
    "message": f"/d/inventory/m/{LETTER}?body",
    "edit": f"/d/inventory/m/{LETTER}/edit",
    "operations": "/o",
    "why": f"/why?event={ROOT}&worker=inventory",
    "replay": "/r",
    "catalogue": "/c",
    "causes": "/causes",
    "tune": "/t/inventory",
    "cost": "/cost",
    "trouble": "/w/nobody",
}
CLICK = "[...document.querySelectorAll('a, button')].find((it) => it.textContent.trim() === {!r}).click()"


@pytest.fixture
def _recorded(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Reports of a measuring, for the curve."""
    file = tmp_path_factory.mktemp("tune") / "inventory.jsonl"
    reports = [
        Report(batch, memory, 50_000 / memory * (1 + batch / 8), round(60_000 / memory * (1 + batch / 8)), 90)
        for batch in (1, 10)
        for memory in (128, 256, 512, 1024)
        for _ in range(3)
    ]
    file.write_text(dumped(reports))
    monkeypatch.setattr("fanout_tools.console.project_pages.recorded", lambda *_: file)


@pytest.mark.usefixtures("_recorded")
def test_every_page_is_accessible_and_asks_nobody_else(visit: Visit, picture: Callable[[Page, str], None]) -> None:
    """GIVEN each page WHEN it is seen light and dark, on a desk and on a phone THEN axe finds nothing, nothing is wider
    than the phone, and no request leaves the console."""
    found: list[str] = []
    for name, path in PAGES.items():
        for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
            shape(visit.page, width=width, dark=dark)
            visit.go(path)
            found += [f"{name} {width} {'dark' if dark else 'light'}: {it}" for it in violations(visit.page)]
            wide = visit.page.run("document.documentElement.scrollWidth")
            found += [f"{name}: {wide} wide at {width}"] if wide > width else []
            if width == 1280 and not dark:
                picture(visit.page, name)
        if name == "overview":
            picture(visit.page, "overview-phone-dark")
    found += [it for it in foreign(visit.page, visit.url) if "/w/nobody" not in it]
    assert found == [], "\n".join(found)


def test_keys(visit: Visit) -> None:
    page = visit.page
    for key, shown in (
        ("/", "document.activeElement.id === 'filter'"),
        ("?", "document.getElementById('help').open"),
    ):
        visit.go("/")
        _press(page, key)
        page.wait(shown)
    for key, path in (("o", "/"), ("w", "/why"), ("j", "/o"), ("d", "/d/inventory")):
        visit.go("/")
        _press(page, "g")
        _press(page, key)
        page.wait(f"location.pathname === {path!r}")
    visit.go("/")
    page.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    _press(page, "y")
    page.wait("document.getElementById('announce').textContent === 'copied: fanout status --env prod'")


def _press(page: Page, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key=key, text=key if kind == "keyDown" else "")


def test_the_first_tab_leads_to_the_content(visit: Visit) -> None:
    visit.go("/")
    for kind in ("rawKeyDown", "keyUp"):
        visit.page.call("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)
    assert visit.page.run("document.activeElement.className") == "skip"


def test_what_has_not_changed_is_not_drawn_again(visit: Visit, shop: Shop) -> None:
    """GIVEN a person at a link of the table WHEN the page asks again THEN the same is not drawn again, and what has
    changed is."""
    visit.go("/d/inventory")
    visit.go("/w/thumbnails")
    page = visit.page
    page.run("document.querySelector('#live h2').dataset.mark = 'mine'; true")
    _poll(page)
    assert page.run("document.querySelector('#live h2').dataset.mark") == "mine"
    shop.queue("thumbnails", dead=True).send("{}")
    _poll(page)
    assert "1 in its DLQ" in visit.text()


def _poll(page: Page) -> None:
    page.run(
        "new Promise((done) => { const live = document.getElementById('live');"
        "live.addEventListener('htmx:afterRequest', () => setTimeout(done, 50), {once: true});"
        "htmx.trigger(live, 'poll'); })"
    )


def test_a_page_that_reaches_nobody_says_so(visit: Visit) -> None:
    """GIVEN a console that has ended, or a session that has WHEN the page asks again THEN it tells that what it shows
    grows old, and what to do."""
    visit.go("/w/thumbnails")
    page = visit.page
    conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.call("Network.emulateNetworkConditions", offline=True, **conditions)
    _poll(page)
    page.wait("document.getElementById('as-of').textContent.includes('reload the page')")
    assert "not reached" in str(page.run("document.getElementById('announce').textContent"))


def test_rows_are_filtered_while_typing_and_the_address_keeps_it(visit: Visit) -> None:
    visit.go("/")
    visit.page.run("document.getElementById('filter').focus(); true")
    for letter in "loy":
        _press(visit.page, letter)
    visit.page.wait("document.querySelectorAll('#live table tbody tr').length === 1")
    visit.page.wait("location.search.includes('q=loy')")
    assert visit.page.run("document.activeElement.id") == "filter"


@pytest.fixture
def _fixed(shop: Shop) -> Iterator[None]:
    """The worker of the fixed version: it takes what comes."""
    ended = threading.Event()

    def working() -> None:
        while not ended.wait(0.05):
            shop.work()

    thread = threading.Thread(target=working)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.mark.usefixtures("_fixed")
def test_the_incident(visit: Visit, shop: Shop, picture: Callable[[Page, str], None]) -> None:
    """GIVEN dead letters and a fixed worker WHEN a person goes from the overview to the cause, plans a redrive by
    canary steps, confirms it, and watches THEN each event has one effect, and nothing is stuck."""
    page = visit.page
    shape(page)
    visit.go("/")
    assert "13 in its DLQ" in visit.text()
    page.run("document.querySelector('.troubles a').click(); true")
    page.wait("location.pathname === '/d/inventory' && document.querySelector('#causes') !== null")
    page.run("document.querySelector('#live table tbody a').click(); true")
    page.wait("location.search.startsWith('?group=') && document.querySelector('#messages') !== null")
    assert "12 chosen" in visit.text()

    page.run(CLICK.format("Redrive…"))
    page.wait("document.querySelector('input[name=why]') !== null")
    assert "12 messages to shop-prod-inventory at 20/s, by canary steps" in visit.text()
    page.run("document.querySelector('input[name=why]').value = 'fixed in v43'; true")
    page.run("document.querySelector('input[name=confirm]').value = 'inventory'; true")
    assert violations(page) == []
    picture(page, "plan")
    page.run("document.querySelector('form.stacked').requestSubmit(); true")
    page.wait("location.pathname.startsWith('/o/')")
    page.wait("document.querySelector('[data-done=yes]') !== null")
    assert "12 of 12" in visit.text()
    assert violations(page) == []
    picture(page, "operation")

    assert len(shop.handled) == len(set(shop.handled)) == 12
    visit.go("/d/inventory")
    assert "1 of about 1 messages seen" in visit.text()
    assert foreign(page, visit.url) == []
