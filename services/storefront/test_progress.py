"""What the real workers leave is what the shop reads."""

from decimal import Decimal
from typing import Any

import pytest
import yaml

from contracts.money import Money
from contracts.orders import OrderPlaced
from fanout import Outcome, aws
from fanout.testing import Rig
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.web import WebManifest
from fanout_tools.declarations.worker import load_all
from services.billing import handler as billing
from services.conftest import SERVICES, MakeOrder
from services.inventory import handler as inventory
from services.loyalty import handler as loyalty
from services.notifications import handler as notifications
from services.notifications.mail import SENDER
from services.storefront.progress import LOYALTY_ABOVE, State, UnreadError, read

pytestmark = pytest.mark.usefixtures("all_workers_aws")


@pytest.fixture(autouse=True)
def _stocked(all_workers_aws: None) -> None:
    aws.client("ses").verify_email_identity(EmailAddress=SENDER)
    for sku in ("cd-1", "cd-2"):
        item = {"sku": {"S": sku}, "available": {"N": "100"}}
        aws.client("dynamodb").put_item(TableName="test-stock", Item=item)


def states(order_id: str) -> dict[str, str]:
    return {worker: effect.state.value for worker, effect in read(order_id).workers.items()}


def test_nothing_has_been_done_for_an_order_that_nobody_has_seen() -> None:
    """GIVEN no order WHEN read THEN all is pending, and nothing begun."""
    progress = read("o-1")
    assert {effect.state for effect in progress.workers.values()} == {State.PENDING}
    assert not progress.begun
    assert not progress.done


def test_each_worker_is_seen_to_finish(make_order: MakeOrder) -> None:
    """GIVEN an order WHEN one worker after the other handles it THEN each is done when it is, and says what it did."""
    order: OrderPlaced = make_order(total=Money(amount=Decimal("30.50"), currency="USD"))
    rig = Rig(billing.worker)
    rig.deliver(order)
    assert states("o-1") == {
        "inventory": "pending",
        "billing": "done",
        "notifications": "pending",
        "loyalty": "pending",
    }
    for worker, event in ((inventory, order), (notifications, order), (loyalty, rig.published[0])):
        assert not read("o-1").done
        [delivery] = Rig(worker.worker).deliver(event)
        assert delivery.outcome is Outcome.HANDLED

    progress = read("o-1")
    assert progress.done
    details = {worker: effect.detail for worker, effect in progress.workers.items()}
    assert details["inventory"] == "2 x cd-1, 1 x cd-2"
    assert details["billing"] == "30.50 dollars"
    assert details["loyalty"] == "30 points"
    assert progress.to_json()["workers"]["notifications"]["detail"].startswith("20")


def test_a_small_order_waits_for_no_points(make_order: MakeOrder) -> None:
    """GIVEN an order of exactly what loyalty leaves out WHEN billed THEN no points are due."""
    Rig(billing.worker).deliver(make_order(total=Money(amount=LOYALTY_ABOVE, currency="USD")))
    assert states("o-1")["loyalty"] == "not due"


def test_loyalty_leaves_out_what_its_declaration_says() -> None:
    """GIVEN loyalty's worker.yaml WHEN compared THEN the shop's limit is its."""
    declared = yaml.safe_load((SERVICES / "loyalty" / "worker.yaml").read_text())
    [condition] = declared["subscribes"][0]["where"]["total"]["amount"]
    assert condition == {"numeric": [">", int(LOYALTY_ABOVE)]}


def test_what_was_left_unread_is_no_pending_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN DynamoDB that reads some of the keys only WHEN asked THEN that is said, not taken for missing."""
    partly: dict[str, Any] = {"Responses": {}, "UnprocessedKeys": {"test-ledger": {}}}
    monkeypatch.setattr(aws.client("dynamodb"), "batch_get_item", lambda **_: partly)
    with pytest.raises(UnreadError, match="test-ledger"):
        read("o-1")


def test_the_shop_may_read_what_it_reads_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN the variables that its web.yaml gives it, and no others WHEN it reads THEN it finds every table; each is
    one of a worker's."""
    declared = WebManifest.load(SERVICES / "storefront" / "web.yaml")
    given = declared.environment(Names("test"), "123456789012")
    for worker in load_all(SERVICES).values():
        for table in worker.tables:
            monkeypatch.delenv(f"TABLE_{table.upper()}")
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert not read("o-1").begun
    assert given["FANOUT_BUS"] == "test"
    assert len([name for name in given if name.startswith("TABLE_")]) == 4
