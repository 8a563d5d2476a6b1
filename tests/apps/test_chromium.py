"""The driver of the browser, before a browser that answers what it is given."""

import json
from typing import Any, cast

import pytest
from websockets.sync.client import ClientConnection

from tests.apps.chromium import Page, PageLeftError

LEFT = {"error": {"code": -32000, "message": "Inspected target navigated or closed"}}


class Link:
    """Answers the calls in turn."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self._answers = list(answers)
        self._asked = 0

    def send(self, text: str) -> None:
        self._asked = json.loads(text)["id"]

    def recv(self, timeout: float) -> str:
        del timeout
        return json.dumps({"id": self._asked, **self._answers.pop(0)})


def page(*answers: dict[str, Any]) -> Page:
    return Page(cast("ClientConnection", Link(*answers)))


def test_who_waits_for_the_next_page_is_not_told_that_this_one_was_left() -> None:
    """GIVEN a page that is left while it is asked WHEN something of the next page is waited for THEN it is found."""
    assert page(LEFT, {"result": {"result": {"value": "there"}}}).wait("x") == "there"


def test_who_asks_a_page_that_is_left_is_told() -> None:
    with pytest.raises(PageLeftError):
        page(LEFT).run("x")
