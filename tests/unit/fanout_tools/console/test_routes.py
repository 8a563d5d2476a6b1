"""Every route in every role; what a page shows, and that its JSON is the command's."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pytest

from fanout.events.personal import KEYWORD, MASK
from fanout_tools.console import answers
from fanout_tools.console.access import Role
from fanout_tools.console.app import ENTRIES
from fanout_tools.console.entries import Entry
from fanout_tools.operate.journal import Status
from fanout_tools.operate.masking import Masking
from fanout_tools.operate.topology import WorkerPlace
from fanout_tools.operate.views.compare import Comparison
from tests.console.world import ROOT, Shop, console
from tests.unit.fanout_tools.console.conftest import Browser

VALUES = {"worker": "inventory", "identity": ROOT, "identity:path": ROOT, "operation": "261128-120000-redrive-ab12"}


def address(entry: Entry, shop: Shop) -> str:
    """The route's path for something that is there."""
    letter = "80b4c862-0d0e-4d0b-a7a4-000000000000"
    values = {**VALUES, **({"identity": letter} if entry.path.startswith("/d/") else {})}
    return re.sub(r"\{([a-z:]+)\}", lambda found: values[found[1]], entry.path)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda it: f"{it.method} {it.path}")
def test_each_route_is_for_its_role_and_those_above(entry: Entry, in_role: Browser, shop: Shop) -> None:
    """GIVEN a role WHEN a route is asked for THEN it is refused to those below its role, and to nobody else."""
    path = address(entry, shop)
    answer = in_role.send(path) if entry.method == "POST" else in_role.get(path)

    assert (answer.status_code == 403) == (in_role.console.access.role < entry.role)
    assert answer.status_code != 500


def test_nothing_but_forms_changes_anything(shop: Shop, browser: Browser) -> None:
    """GIVEN a shop in trouble WHEN an operator looks at every page THEN the journal and the queues are as before."""
    before = len(shop.queue("inventory", dead=True).messages)
    for entry in ENTRIES:
        if entry.method == "GET":
            browser.get(address(entry, shop))
            browser.part(address(entry, shop))
    assert len(shop.queue("inventory", dead=True).messages) == before
    assert list(browser.console.operating.journal.recent(2)) == []


@pytest.mark.parametrize("path", ["/w/inventory", "/d/inventory", "/r"])
def test_who_may_not_change_sees_no_button(path: str, shop: Shop) -> None:
    for role in (Role.OBSERVER, Role.INVESTIGATOR):
        answer = Browser(console(shop, role)).part(path)
        assert 'method="post"' not in answer.text
    assert 'method="post"' in Browser(console(shop)).get(path).text + Browser(console(shop)).part(path).text


def test_the_first_answer_waits_for_nothing(browser: Browser) -> None:
    """GIVEN nobody has looked yet WHEN the overview is asked for THEN it shows what is declared, and htmx asks for the
    rest; after that the next viewer has it at once."""
    first = browser.get("/")
    assert "Looking at 6 workers" in first.text
    assert 'hx-trigger="load, poll"' in first.text
    assert "13 in its DLQ" in browser.part("/").text
    assert "13 in its DLQ" in browser.get("/").text


def test_the_overview_has_trouble_first(browser: Browser) -> None:
    text = browser.part("/").text
    assert text.index("13 in its DLQ: fanout dlq group inventory") < text.index('<h2 id="workers">')
    assert text.index(">inventory</a></th>") < text.index(">audit</a></th>")
    assert "alarm shop-prod-inventory-dlq" in text


def test_what_is_new_since_a_deploy_is_told_beside_the_overview(browser: Browser) -> None:
    """GIVEN a worker with dead letters whose new version fails by two causes WHEN the overview is seen THEN it asks for
    them apart, as each is a query of logs, and no oftener than they are good for."""
    asked: list[list[str]] = []
    plain = browser.console.causes

    async def compared(workers: Sequence[WorkerPlace]) -> Sequence[Comparison]:
        asked.append([it.name for it in workers])
        return await plain(workers)

    browser.console.causes = compared
    assert 'hx-get="/causes"' in browser.get("/").text
    assert asked == []

    part = browser.part("/causes").text
    assert "<h1" not in part
    assert part.index("Reject handler.py:31") < part.index("KeyError handler.py:40")
    [first, _] = [json.loads(line) for line in browser.json("/causes").text.splitlines()]
    expected = {"worker": "inventory", "older": "41", "newer": "42", "cause": "Reject handler.py:31", "count": 12}
    assert first == expected
    assert "fanout compare inventory --env prod" in browser.get("/causes").text
    assert asked == [["inventory"]]


def test_rows_are_filtered_and_ordered_by_the_address(browser: Browser) -> None:
    text = browser.part("/?q=LOY&by=name").text
    assert ">loyalty</a></th>" in text
    assert ">audit</a></th>" not in text


def test_json_is_what_the_command_prints(shop: Shop, browser: Browser) -> None:
    answer = browser.json("/")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [row["worker"] for row in rows if "worker" in row] == sorted(shop.topology.workers)
    assert next(row for row in rows if row.get("worker") == "inventory")["dead"] == 13

    [trace] = [json.loads(line) for line in browser.json(f"/e/{ROOT}").text.splitlines()]
    assert trace["counts"]["dead"] == 1
    assert json.loads(browser.json(f"/why?event={ROOT}&worker=inventory").text)["fate"] == "dead"
    letters = [json.loads(line) for line in browser.json("/d/inventory").text.splitlines()]
    assert {row["cause"] for row in letters} == {"Reject", "KeyError"}
    groups = [json.loads(line) for line in browser.json("/d/inventory/groups").text.splitlines()]
    assert [row["count"] for row in groups] == [12, 1]


def test_what_has_not_changed_is_not_sent_again(browser: Browser) -> None:
    first = browser.part("/")
    again = browser.get("/", headers={"hx-request": "true", "if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["fanout-calls"] == "0"


def test_an_event_has_a_reason_for_everybody(browser: Browser) -> None:
    """GIVEN an order WHEN its page is asked for THEN each worker is told of: by its fate, or as no subscriber."""
    text = browser.part(f"/e/{ROOT}").text
    for said in ("handled", "dead", "waiting", "subscribes to none of these events", "shop.billing/InvoiceIssued"):
        assert said in text
    for worker in browser.console.topology.workers:
        assert f">{worker}</a>" in text
    assert 'class="wait"' in text


def test_an_event_that_is_not_known_is_searched_for_in_the_logs(browser: Browser) -> None:
    first = browser.get("/e/order:o-1")
    assert first.status_code == 200
    assert "searching the logs" in first.text
    after = browser.part("/e/order:o-1")
    assert after.status_code == 404
    assert "look further back" in after.text
    assert "Traceback" not in after.text


def test_dead_letters_are_grouped_and_chosen(browser: Browser) -> None:
    whole = browser.part("/d/inventory").text
    assert "13 of about 13 messages seen" in whole
    assert "example.org" not in whole, "payloads are shown on demand"
    key = re.search(r"\?group=([0-9a-f]{6})\">", whole.replace('" >', '">'))
    assert key is not None
    chosen = browser.part(f"/d/inventory?group={key[1]}")
    assert "12 chosen" in chosen.text
    some = browser.part("/d/inventory?where=data.order_id == 'o-1997-0003'")
    assert "1 chosen" in some.text
    assert "--where" in browser.get("/d/inventory?where=data.gift").text
    assert browser.part("/d/inventory?where=data[").status_code == 400


def test_a_payload_is_shown_on_demand_and_never_kept(shop: Shop, browser: Browser) -> None:
    message = shop.dead_letter(7777)
    assert "example.org" not in browser.get(f"/d/inventory/m/{message}").text
    shown = browser.get(f"/d/inventory/m/{message}?body")
    assert "example.org" in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert Browser(console(shop, Role.OBSERVER)).get(f"/d/inventory/m/{message}?body").status_code == 403


def test_the_search_box_knows_what_it_was_given(browser: Browser) -> None:
    for text, place in (
        ("inventory", "/w/inventory"),
        ("order:o-1", "/e/order%3Ao-1"),
        ("261128-120000-redrive-ab12", "/o/261128-120000-redrive-ab12"),
        ("", "/"),
    ):
        assert browser.get(f"/find?for={text}").headers["location"] == place


def test_a_frozen_page_needs_nothing_else(shop: Shop, browser: Browser) -> None:
    """GIVEN an operator WHEN pages are frozen THEN each is one file without scripts, forms or addresses to fetch."""
    for path in ("/", "/w/inventory", f"/e/{ROOT}", "/d/inventory", "/c"):
        answer = browser.get(f"{path}?freeze")
        assert answer.headers["content-disposition"].startswith("attachment"), path
        assert "<style>" in answer.text
        for absent in ("<script", "<form", "<link", "hx-", "src="):
            assert absent not in answer.text, (path, absent)
    assert "13 in its DLQ" in browser.get("/?freeze").text


def test_every_page_shows_its_command(browser: Browser) -> None:
    for path, command in (
        ("/", "fanout status --env prod"),
        ("/w/inventory", "fanout status inventory --env prod"),
        ("/d/inventory?group=abc", "fanout dlq ls inventory --group abc --env prod"),
        (f"/e/{ROOT}", f"fanout trace {ROOT} --since 1h --env prod"),
        ("/o", "fanout operations ls --days 7 --env prod"),
    ):
        assert f'<code id="command">{command}</code>' in browser.get(path).text


def test_what_is_not_there_is_said(browser: Browser) -> None:
    answer = browser.get("/w/inventry")
    assert answer.status_code == 404
    assert "did you mean inventory?" in answer.text
    assert browser.get("/nowhere").status_code == 404
    assert browser.json("/w/inventry").json() == {"error": "worker inventry: no such worker; did you mean inventory?"}


def test_the_overview_is_made_once_for_all_who_ask(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN a look WHEN many ask for the page THEN its part is made once; another filter, or another look, is another
    page."""
    made: list[object] = []

    def age(seconds: object) -> str:
        made.append(seconds)
        return ""

    monkeypatch.setitem(answers.templates().filters, "age", age)
    first = browser.part("/").text
    count = len(made)
    assert [browser.part("/").text for _ in range(3)] == [first] * 3
    assert len(made) == count
    assert browser.part("/?q=loyalty").text != first
    shop.dead_letter(99)
    browser.console.overview.fresh_s = 0.0
    assert "14 in its DLQ" in browser.part("/").text


def test_an_observer_is_led_to_no_page_that_refuses(shop: Shop) -> None:
    observer = Browser(console(shop, Role.OBSERVER))
    for path in ("/", "/w/inventory", f"/e/{ROOT}"):
        assert 'href="/d/' not in observer.part(path).text + observer.get(path).text


def test_outcomes_are_a_chart_with_its_table_behind(browser: Browser) -> None:
    part = browser.part("/w/inventory/outcomes").text
    assert 'data-table="outcomes"' in part
    assert part.count("<tr>") == 37, "three hours in periods of five minutes, and the head"
    rows = [json.loads(line) for line in browser.json("/w/inventory/outcomes").text.splitlines()]
    assert sum(row["rejected"] for row in rows) > 0


def masking() -> Masking:
    """By a contract that marks the address of an order."""
    names = ("order_id", "customer_id", "placed_on", "lines", "total")
    properties = {**{name: {} for name in names}, "email": {"type": "string", KEYWORD: True}}
    return Masking({"shop.orders/OrderPlaced": {"properties": properties}})


def test_a_personal_value_is_shown_to_an_operator_who_says_why(shop: Shop) -> None:
    """GIVEN a contract that marks a field WHEN a message's payload is shown THEN it is masked; an operator who says
    why sees it, is in the journal, and the browser keeps nothing."""
    letter = shop.dead_letter(7777)
    path = f"/d/inventory/m/{letter}"
    looking, acting = (Browser(console(shop, role, masking=masking())) for role in (Role.INVESTIGATOR, Role.OPERATOR))
    shown = looking.get(f"{path}?body").text
    assert "o-1997-7777" in shown
    assert MASK in shown
    assert "example.org" not in shown + acting.get(f"{path}?body").text
    assert f"{path}/personal" not in shown
    assert f"{path}/personal" in acting.get(f"{path}?body").text

    assert looking.send(f"{path}/personal", {"why": "curious"}).status_code == 403
    assert acting.send(f"{path}/personal", {"why": " "}).status_code == 409
    seen = acting.send(f"{path}/personal", {"why": "ticket 7"})
    assert "example.org" in seen.text
    assert seen.headers["cache-control"] == "no-store"
    [head] = acting.console.operating.journal.recent(1)
    assert (head.kind, head.worker, head.why, head.status) == ("personal", "inventory", "ticket 7", Status.FINISHED)
