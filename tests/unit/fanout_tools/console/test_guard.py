"""Who is turned away, and what every answer carries."""

from __future__ import annotations

import re

import pytest

from fanout_tools.console.access import COOKIE
from fanout_tools.console.guard import HEADERS
from tests.console.world import HOST
from tests.unit.fanout_tools.console.conftest import Browser


def test_the_first_url_gives_the_cookie_and_hides_the_token(browser: Browser) -> None:
    """GIVEN the URL that the command prints WHEN it is opened THEN the browser has a cookie that scripts and other
    sites do not, and is at the same page without the token."""
    token = browser.console.access.token
    answer = browser.get(f"/w/inventory?token={token}&freeze=", cookie=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/w/inventory?freeze="
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}={browser.console.access.session};")
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert attribute in cookie
    assert token not in cookie


def test_nobody_is_let_in_without_cookie_or_with_another(browser: Browser) -> None:
    for path in ("/", "/static/console.css", "/?token=guessed", "/o"):
        assert browser.get(path, cookie=False).status_code == 401
    assert browser.get("/", cookie=False, headers={"cookie": f"{COOKIE}=guessed"}).status_code == 401
    assert browser.get("/", cookie=False, headers={"cookie": "\x7f=;;"}).status_code == 401


def test_a_link_from_elsewhere_leads_on_without_leading_away(browser: Browser) -> None:
    answer = browser.get(f"http://{HOST}//evil.example/%22%3E%3Cscript%3E?a=%22", cookie=False)
    assert answer.status_code == 401
    assert re.search(r'<a href="/evil.example/', answer.text)
    assert "<script" not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1", ""])
def test_another_name_for_this_address_is_refused(browser: Browser, host: str) -> None:
    """GIVEN a name that somebody else's DNS points to the loopback address WHEN it is asked for THEN nothing is told,
    even with cookie and token."""
    for path in ("/", f"/?token={browser.console.access.token}"):
        answer = browser.get(path, headers={"host": host})
        assert answer.status_code == 421
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_site_cannot_send_a_form(browser: Browser, headers: dict[str, str]) -> None:
    path = "/w/inventory/pause"
    fields = {"form_token": browser.console.access.form_token(path)}
    assert browser.ask("POST", path, data=fields, headers=headers).status_code == 403


def test_a_form_needs_the_token_of_its_own_address(browser: Browser) -> None:
    """GIVEN the token of one form WHEN another address is sent it, or none, THEN it is refused."""
    other = browser.console.access.form_token("/w/inventory/resume")
    for fields in ({}, {"form_token": ""}, {"form_token": other}):
        answer = browser.send("/w/inventory/pause", fields, token=False)
        assert answer.status_code == 400
        assert "not of this console" in answer.text
    assert browser.send("/w/inventory/pause", {"for": "1h"}).status_code == 200


def test_a_form_is_bounded(browser: Browser) -> None:
    assert browser.send("/w/inventory/pause", {"for": "x" * 2_000_000}).status_code == 400
    raw = browser.ask("POST", "/w/inventory/pause", content=b"\xff\xfe=1")
    assert raw.status_code == 400


def test_every_answer_has_the_headers(browser: Browser) -> None:
    for answer in (
        browser.get("/"),
        browser.get("/", cookie=False),
        browser.get("/nowhere"),
        browser.get("/", headers={"host": "evil.example"}),
        browser.get("/static/console.css"),
        browser.send("/w/inventory/pause"),
    ):
        assert HEADERS.items() <= dict(answer.headers).items()
    assert "'unsafe" not in HEADERS["content-security-policy"]


def test_what_is_shown_may_be_kept_for_as_long_as_it_is_true(browser: Browser) -> None:
    assert browser.get("/").headers["cache-control"] == "private, no-cache"
    assert "immutable" in browser.get("/static/console.css").headers["cache-control"]
    assert browser.get("/nowhere").headers["cache-control"] == "no-store"


def test_pages_fit_their_policy(browser: Browser) -> None:
    """GIVEN the policy WHEN pages are made THEN none has a script, a style or an address that it forbids."""
    for path in ("/", "/w/inventory", "/why", "/o", "/r", "/c", "/t/inventory", "/cost", "/d/inventory", "/nowhere"):
        text = browser.get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), path
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), path
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text), path


def test_what_others_have_written_stays_text(browser: Browser) -> None:
    """GIVEN an id that is markup WHEN it is shown THEN it is text."""
    answer = browser.get("/e/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert" in answer.text


def test_the_token_is_in_no_page(browser: Browser) -> None:
    access = browser.console.access
    for path in ("/", "/o", "/w/inventory"):
        assert access.token not in browser.get(path).text
        assert access.session not in browser.get(path).text
    assert access.token not in repr(access)


def test_files_are_served_packed_under_addresses_that_change_with_them(browser: Browser) -> None:
    [name] = set(re.findall(r'href="(/static/console\.css\?[0-9a-f]+)"', browser.get("/").text))
    packed, plain = browser.get(name), browser.get(name, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert packed.headers["content-type"].startswith("text/css")
    for absent in ("/static/vendor/vendor.lock", "/static/../app.py", "/static/%2e%2e/app.py", "/static/"):
        assert browser.get(absent).status_code == 404
