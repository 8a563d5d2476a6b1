"""``fanout dev`` in Chromium: an event is sent from the form, and watched; axe finds nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fanout_tools.console.serve import listening
from fanout_tools.dev.console import serving
from fanout_tools.dev.history import History
from fanout_tools.dev.local import Local, Teller
from fanout_tools.dev.session import Session, session_of
from fanout_tools.dev.worker import Batch
from fanout_tools.project import Project
from tests.apps import chromium
from tests.apps.chromium import Page
from tests.console.served import go, shape, violations
from tests.unit.fanout_tools.dev.conftest import project

__all__ = ["project"]


class Keeping(Teller):
    """Keeps what workers do."""

    def __init__(self, history: History) -> None:
        self._history = history

    def handled(self, batch: Batch) -> None:
        self._history.keep(batch)


@pytest.fixture
def session(project: Project) -> Iterator[tuple[Session, History]]:
    history = History()
    with session_of(Local(project, Keeping(history)), history) as made:
        made.begin()
        yield made, history


@pytest.fixture
def visited(session: tuple[Session, History]) -> Iterator[tuple[Page, str]]:
    path = chromium.find()
    if path is None:
        pytest.fail("needs Chromium: apt-get install chromium, or chromium-browser, or google-chrome")
    with listening(0) as own, serving(*session, own) as url, chromium.browser(path, url) as page:
        for domain in ("Network", "Log", "Runtime", "Page"):
            page.call(f"{domain}.enable")
        yield page, url.partition("/send")[0]


def test_an_event_is_sent_from_the_form_and_watched(
    session: tuple[Session, History], visited: tuple[Page, str]
) -> None:
    """GIVEN the form of an event WHEN it is filled in and sent THEN its page shows the workers that wait, and by itself
    what became of it once they had it, with the traceback; in light and dark, and on a phone, axe finds nothing."""
    page, url = visited
    go(page, f"{url}/send?event=dev.orders/Ordered")
    assert violations(page) == []
    page.run("""document.querySelector('[name="field.order_id"]').value = 'broken', true""")
    page.run("document.querySelector('form.stacked button.main').click(), true")
    page.wait("location.pathname.startsWith('/e/') && document.readyState === 'complete'")
    while session[0].step():
        pass
    page.wait("document.body.innerText.includes('Traceback (most recent call last)')")
    page.wait("document.body.innerText.includes('dev.billing/Billed')")
    for width, dark in ((1280, False), (390, True)):
        shape(page, width=width, dark=dark)
        assert violations(page) == []
    go(page, f"{url}/send")
    assert "Edit and send" in page.run("document.body.innerText")
    assert violations(page) == []
