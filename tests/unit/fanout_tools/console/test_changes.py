"""Changes: plan, confirmation, application, journal; each by the actions that commands use."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from fanout.events.event import contract_of
from fanout.events.personal import MASK
from fanout_tools.console.access import Role
from fanout_tools.operate.journal import Head, Operation, Status
from fanout_tools.operate.masking import Masking
from fanout_tools.operate.operating import RefusedError
from fanout_tools.project import project
from tests.console.world import Shop, console, order
from tests.unit.fanout_tools.console.conftest import Browser

APPLY = {"step": "apply", "why": "fixed in v43", "confirm": "inventory"}


def carried_out(browser: Browser, place: str) -> Operation:
    """The operation, once its thread has ended."""
    for work in browser.console.works:
        work.join(30)
        assert not work.is_alive()
    return browser.console.operating.journal.read(place.removeprefix("/o/"))


def test_a_redrive_is_planned_confirmed_and_in_the_journal(shop: Shop, browser: Browser) -> None:
    """GIVEN 13 dead letters WHEN an operator plans and confirms THEN the worker gets them, and the journal says who
    did it, why, and by which command the same is done."""
    plan = browser.send("/d/inventory/redrive", {"rate": "1000/s"})
    assert "13 messages to shop-prod-inventory at 1000/s" in plan.text
    assert "Freeze" not in plan.text, "a plan has no address"
    assert "nothing has been deployed since the last of these failures" in plan.text
    assert list(browser.console.operating.journal.recent(2)) == []

    begun = browser.send("/d/inventory/redrive", {"rate": "1000/s", "expected": "13", **APPLY})
    assert begun.status_code == 303
    found = carried_out(browser, begun.headers["location"])
    shop.work()

    assert len(shop.handled) == 13
    assert (found.head.status, found.head.total, found.head.why) == (Status.FINISHED, 13, "fixed in v43")
    assert found.head.who.endswith("/ann")
    assert found.head.command == "fanout dlq redrive inventory --rate 1000/s --why '…' --env prod"
    page = browser.get(begun.headers["location"])
    assert "13 of 13" in page.text


def cut_off_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first send fails."""
    failed: list[Callable[..., object]] = []
    plain = shop.sqs.send_message_batch

    def once(**request: object) -> object:
        if not failed:
            failed.append(plain)
            raise ConnectionError("the network is gone")
        return plain(**request)

    monkeypatch.setattr(shop.sqs, "send_message_batch", once)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"expected": "13"} | APPLY | {"why": " "}, "Say why"),
        ({"expected": "13"} | APPLY | {"confirm": "inventori"}, "Type the worker"),
        ({"expected": "12"} | APPLY, "it was 12, and is 13 now"),
        ({"expected": "0", "group": "000000"} | APPLY, "There is nothing to do"),
    ],
)
def test_what_is_not_confirmed_is_not_done(shop: Shop, browser: Browser, fields: dict[str, str], said: str) -> None:
    for path in ("/d/inventory/redrive", "/d/inventory/drop"):
        answer = browser.send(path, fields)
        assert answer.status_code == 409
        assert said in answer.text.replace("&#39;", "'")
    assert len(shop.queue("inventory", dead=True).messages) == 13
    assert browser.console.works == []


def test_no_name_is_asked_for_where_it_is_no_matter(shop: Shop) -> None:
    browser = Browser(console(shop, typed=False))
    assert "to confirm it" not in browser.send("/d/inventory/drop").text
    begun = browser.send("/d/inventory/drop", {"step": "apply", "why": "test orders", "expected": "13"})
    assert begun.status_code == 303


def test_a_drop_keeps_a_copy(shop: Shop, browser: Browser) -> None:
    begun = browser.send("/d/inventory/drop", {"ids": "80b4c862-0d0e-4d0b-a7a4-000000000003", "expected": "1", **APPLY})
    found = carried_out(browser, begun.headers["location"])
    assert (found.head.kind, found.head.status) == ("drop", Status.FINISHED)
    assert len(shop.queue("inventory", dead=True).messages) == 12
    [copied] = shop.bucket.objects.values()
    assert "o-1997-0003" in copied.decode()


def test_a_canary_stops_when_they_come_back(browser: Browser, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a worker that still fails WHEN a redrive goes by canary steps THEN it stops after the first."""
    shop.failing = lambda _: True
    plain = shop.sqs.send_message_batch

    def sent(**request: object) -> object:
        answer = plain(**request)
        shop.work()
        return answer

    monkeypatch.setattr(shop.sqs, "send_message_batch", sent)
    begun = browser.send("/d/inventory/redrive", {"rate": "1000/s", "canary": "on", "expected": "13", **APPLY})
    found = carried_out(browser, begun.headers["location"])
    assert found.head.status is Status.STOPPED
    assert found.head.told["stopped"] == "1 of 1 came back"
    page = browser.get(begun.headers["location"])
    assert "stopped" in page.text
    assert "Carry on" in page.text


def test_a_worker_is_paused_and_resumed(shop: Shop, browser: Browser) -> None:
    plan = browser.send("/w/inventory/pause", {"for": "2h"})
    assert "messages begin to be lost on" in plan.text
    begun = browser.send("/w/inventory/pause", {"for": "2h", "expected": "1", **APPLY})
    carried_out(browser, begun.headers["location"])
    assert not shop.function.enabled
    assert len(shop.scheduler.schedules) == 1
    assert "paused" in browser.part("/w/inventory").text

    ended = browser.send("/w/inventory/resume", {"expected": "1", **APPLY})
    assert ended.headers["location"] == "/w/inventory"
    assert shop.function.enabled
    assert browser.console.operating.journal.read(begun.headers["location"][3:]).head.status is Status.FINISHED


def test_a_pause_that_would_lose_messages_is_refused(browser: Browser) -> None:
    answer = browser.send("/w/inventory/pause", {"for": "30d"})
    assert answer.status_code == 409
    assert "pause it for less" in answer.text
    assert browser.send("/w/inventory/pause", {"for": "soon"}).status_code == 400


EVENT = "80b4c862-0d0e-4d0b-a7a4-000000000003"


@pytest.fixture
def _contracts() -> None:
    project().load_contracts()


@pytest.mark.shop
@pytest.mark.shop
@pytest.mark.usefixtures("_contracts")
def test_an_event_is_edited_by_a_form_of_its_contract(shop: Shop, browser: Browser) -> None:
    """GIVEN an order with a wrong article WHEN it is corrected in the form THEN the change is shown, then sent, and
    the event keeps its id."""
    path = f"/d/inventory/m/{EVENT}/edit"
    form = browser.get(path)
    assert 'name="field.total.amount"' in form.text
    assert 'name="field.order_id" value="o-1997-0003"' in form.text
    fields = {"field.lines": '[{"sku": "cd-0007", "quantity": 1}]', "field.total.amount": "25.0"}
    plan = browser.send(path, fields)
    assert "cd-0007" in plan.text
    assert "+" in plan.text

    begun = browser.send(path, {**fields, "expected": "1", **APPLY})
    found = carried_out(browser, begun.headers["location"])
    assert found.head.kind == "edit"
    [sent] = shop.queue("inventory").messages
    detail = json.loads(sent.body)["detail"]
    assert detail["data"]["lines"] == [{"sku": "cd-0007", "quantity": 1}]
    assert detail["metadata"]["event_id"] == EVENT


@pytest.mark.shop
@pytest.mark.usefixtures("_contracts")
def test_an_event_is_edited_without_its_personal_values(shop: Shop) -> None:
    """GIVEN an order whose address is personal WHEN edited in the form THEN neither form nor plan shows it, and the
    worker gets it with the change."""
    masking = Masking.by([contract_of("shop.orders/OrderPlaced")])
    browser, path = Browser(console(shop, masking=masking)), f"/d/inventory/m/{EVENT}/edit"
    form = browser.get(path).text
    assert f'name="field.email" value="{MASK}" required>' in form
    fields = {"field.customer_id": "c-8", "field.email": MASK}
    plan = browser.send(path, fields).text
    assert "example.org" not in form + plan
    carried_out(browser, browser.send(path, {**fields, "expected": "1", **APPLY}).headers["location"])
    [sent] = shop.queue("inventory").messages
    data = json.loads(sent.body)["detail"]["data"]
    assert (data["customer_id"], data["email"]) == ("c-8", "ann@example.org")


@pytest.mark.shop
@pytest.mark.shop
@pytest.mark.usefixtures("_contracts")
def test_an_edit_that_was_cut_off_is_carried_on_as_edited(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, fields = f"/d/inventory/m/{EVENT}/edit", {"field.customer_id": "c-8"}
    cut_off_once(shop, monkeypatch)
    place = browser.send(path, {**fields, "expected": "1", **APPLY}).headers["location"]
    carried_out(browser, place)
    assert shop.queue("inventory").messages == []
    browser.send(f"{place}/resume", {"expected": "1", **APPLY})
    assert carried_out(browser, place).head.status is Status.FINISHED
    [sent] = shop.queue("inventory").messages
    assert json.loads(sent.body)["detail"]["data"]["customer_id"] == "c-8"


@pytest.mark.shop
@pytest.mark.shop
@pytest.mark.usefixtures("_contracts")
def test_an_edit_that_breaks_the_contract_is_refused(browser: Browser) -> None:
    path = f"/d/inventory/m/{EVENT}/edit"
    assert browser.send(path, {"field.lines": "[]"}).status_code == 409
    assert browser.send(path, {"field.lines": "no"}).status_code == 400
    assert browser.send(path, {"data": "[1]"}).status_code == 409
    assert "There is nothing to do" in browser.send(path, {}).text


def test_a_replay_is_staged_then_sent(shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN three archived orders WHEN a replay is staged THEN its page says how many there are, and carrying it on
    sends them to the worker."""
    monkeypatch.setattr("fanout_tools.operate.actions.replay.SETTLED", 1)
    monkeypatch.setattr("fanout_tools.operate.actions.replay.POLL_S", 0.0)
    shop.events.archive += [order(number) for number in (200, 201, 202)]
    now = browser.console.clock()
    fields = {"worker": "inventory", "from": _iso(now - 7200), "to": _iso(now - 3600), "rate": "1000/s"}
    assert "are staged for inventory" in browser.send("/r", fields).text
    begun = browser.send("/r", {**fields, "expected": "1", **APPLY})
    place = begun.headers["location"]
    carried_out(browser, place)
    assert "staged 3 events, 3 to send" in browser.get(place).text

    browser.send(f"{place}/resume", {"expected": "1", **APPLY})
    found = carried_out(browser, place)
    assert found.head.status is Status.FINISHED
    shop.work()
    assert len(shop.handled) == 3


def test_what_was_handled_is_replayed_when_its_worker_is_named(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN orders that the worker has handled WHEN they are replayed again, by the worker's name THEN each has a
    second effect, and plan and page have said so; another name is refused."""
    monkeypatch.setattr("fanout_tools.operate.actions.replay.SETTLED", 1)
    monkeypatch.setattr("fanout_tools.operate.actions.replay.POLL_S", 0.0)
    browser.send("/d/inventory/redrive", {"rate": "1000/s", "expected": "13", **APPLY})
    for work in browser.console.works:
        work.join(30)
    shop.work()
    shop.events.archive += [order(0), order(1)]
    now = browser.console.clock()
    fields = {"worker": "inventory", "from": _iso(now - 7200), "to": _iso(now - 3600), "rate": "1000/s"}
    assert browser.send("/r", {**fields, "again": "billing"}).status_code == 400
    plan = browser.send("/r", {**fields, "again": "inventory"})
    assert "each has a second effect" in plan.text
    assert "--again inventory" in plan.text

    place = browser.send("/r", {**fields, "again": "inventory", "expected": "1", **APPLY}).headers["location"]
    carried_out(browser, place)
    assert "staged 2 events, 2 to send, 2 of them a second time" in browser.get(place).text
    browser.send(f"{place}/resume", {"expected": "1", **APPLY})
    carried_out(browser, place)
    shop.work()
    assert len(shop.handled) == 15


def test_a_forgotten_time_is_replayed_by_the_workers_log(shop: Shop, browser: Browser) -> None:
    """GIVEN a time that the worker has forgotten WHEN it is to be replayed THEN it is refused, unless the log is asked;
    then the command says so, and what was handled cannot be asked for too."""
    now = browser.console.clock()
    long_ago = now - 10 * shop.topology.worker("inventory").manifest.ttl_s
    fields = {"worker": "inventory", "from": _iso(long_ago), "to": _iso(now - 3600)}
    assert browser.send("/r", fields).status_code == 409
    assert "--fence logs" in browser.send("/r", {**fields, "logs": "on"}).text
    assert browser.send("/r", {**fields, "logs": "on", "again": "inventory"}).status_code == 400


class Tasks:
    """SQS's, each done as soon as it is looked at."""

    def __init__(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[dict[str, object]] = []
        monkeypatch.setattr(shop.sqs, "start_message_move_task", self.start, raising=False)
        monkeypatch.setattr(shop.sqs, "list_message_move_tasks", self.listed, raising=False)

    def start(self, **request: object) -> dict[str, str]:
        self.asked.append(request)
        return {"TaskHandle": "handle"}

    def listed(self, **_: object) -> dict[str, object]:
        done = {"Status": "COMPLETED", "StartedTimestamp": 2**33 * 1000, "ApproximateNumberOfMessagesMoved": 13}
        return {"Results": [{**done, **self.asked[0]}]}


def test_sqs_moves_a_whole_queue(shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a queue of 13 WHEN an operator has SQS move it THEN it is told to, as fast as it may be, and the journal
    has the command."""
    tasks = Tasks(shop, monkeypatch)
    assert 'action="/d/inventory/move"' in browser.part("/d/inventory").text
    assert 'action="/d/inventory/move"' not in browser.part("/d/inventory?group=000000").text
    assert "SQS moves all of shop-prod-inventory-dlq" in browser.send("/d/inventory/move", {"rate": "900/s"}).text

    begun = browser.send("/d/inventory/move", {"rate": "900/s", "expected": "13", **APPLY})
    found = carried_out(browser, begun.headers["location"])

    [request] = tasks.asked
    assert request["MaxNumberOfMessagesPerSecond"] == 500
    assert str(request["DestinationArn"]).endswith(":shop-prod-inventory")
    assert found.head.status is Status.FINISHED
    assert found.head.command == "fanout dlq redrive inventory --server --rate 900/s --why '…' --env prod"


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M")


def test_a_replay_of_what_is_not_archived_yet_is_refused(browser: Browser) -> None:
    now = browser.console.clock()
    fields = {"worker": "inventory", "from": _iso(now - 7200), "to": _iso(now), "rate": "20/s"}
    assert browser.send("/r", fields).status_code == 409
    assert browser.send("/r", {**fields, "from": "soon"}).status_code == 400
    assert browser.send("/r", {**fields, "worker": "nobody"}).status_code == 404


def test_what_was_cut_off_is_carried_on(shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a redrive whose process lost AWS WHEN its page is asked for THEN it says so; carried on, it ends."""
    cut_off_once(shop, monkeypatch)
    begun = browser.send("/d/inventory/redrive", {"rate": "1000/s", "expected": "13", **APPLY})
    place = begun.headers["location"]
    carried_out(browser, place)
    assert "cut off: the network is gone" in browser.get(place).text

    browser.send(f"{place}/resume", {"expected": "1", **APPLY})
    found = carried_out(browser, place)
    assert found.head.status is Status.FINISHED
    shop.work()
    assert sorted(shop.handled) == sorted(set(shop.handled))
    assert len(shop.handled) == 13
    assert "carried on: fixed in v43" in browser.get(place).text
    assert browser.send(f"{place}/resume", {"expected": "1", **APPLY}).status_code == 409


def test_an_operation_that_is_just_beginning_is_no_error(browser: Browser) -> None:
    """GIVEN an operation whose head is not written yet WHEN its page is asked for THEN it is waited for."""
    gate = threading.Event()
    browser.console.begin("261128-120000-redrive-ffff", gate.wait)
    try:
        with pytest.raises(RefusedError, match="already"):
            browser.console.begin("261128-120000-redrive-ffff", gate.wait)
        assert "It begins" in browser.get("/o/261128-120000-redrive-ffff").text
    finally:
        gate.set()
    carried = browser.console.works
    for work in carried:
        work.join(10)
    assert browser.get("/o/261128-120000-redrive-ffff").status_code == 404


def test_a_pause_in_the_journal_is_not_carried_on(browser: Browser) -> None:
    head = Head(
        operation="261128-120000-pause-ffff", kind="pause", worker="inventory", why="w", started_at="2026-11-28"
    )
    browser.console.operating.journal.open(head)
    assert "Carry on" not in browser.get("/o/261128-120000-pause-ffff").text
    assert browser.send("/o/261128-120000-pause-ffff/resume").status_code == 409


@pytest.mark.parametrize("role", [Role.OBSERVER, Role.INVESTIGATOR])
def test_who_may_not_change_is_told_how(shop: Shop, role: Role) -> None:
    answer = Browser(console(shop, role)).send("/d/inventory/redrive", {"expected": "13", **APPLY})
    assert answer.status_code == 403
    assert "--allow-changes" in answer.text
