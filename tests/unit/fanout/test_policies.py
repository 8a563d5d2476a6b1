"""What an exception of a handler means for its record."""

import pytest

from fanout import Context, DeclarationError, Outcome, reject, retry
from fanout.outcomes import Backoff, Policies
from fanout.testing import Rig

from .conftest import MakeWorker, ThingHappened


class BillingDownError(Exception):
    pass


class BillingSlowError(BillingDownError):
    pass


class UnknownCustomerError(Exception):
    pass


def test_each_exception_has_its_own_outcome(make_worker: MakeWorker) -> None:
    """GIVEN policies for two exceptions WHEN handlers raise them, a subclass, and another THEN each record has what
    was declared: the DLQ, the policy's backoff, the base's, the worker's."""
    worker = make_worker(retry={"base_s": 1, "cap_s": 1}, queue={"max_receives": 10})
    worker.on(BillingDownError, retry(base=5, cap=900))
    worker.on(UnknownCustomerError, reject())
    errors = [UnknownCustomerError("who?"), BillingDownError(), BillingSlowError(), ValueError()]

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        raise errors[event.number]

    rig = Rig(worker)
    deliveries = rig.deliver(*(ThingHappened(number=n) for n in range(4)))
    rig.backoffs.clear()
    for _ in range(2):
        deliveries[1:] = rig.deliver(*(delivery.record for delivery in deliveries[1:]))

    assert [d.outcome for d in deliveries] == [Outcome.REJECTED, Outcome.RETRIED, Outcome.RETRIED, Outcome.RETRIED]
    assert [b["VisibilityTimeout"] for b in rig.backoffs] == [10, 10, 1, 20, 20, 1]
    assert rig.dead_letters[0]["MessageAttributes"]["error_type"]["StringValue"] == "UnknownCustomerError"


def test_the_nearest_class_counts() -> None:
    """GIVEN policies for an exception and its base WHEN asked THEN its own is found, and none for strangers."""
    policies = Policies()
    policies.declare(BillingDownError, retry(base=1, cap=2))
    policies.declare(BillingSlowError, reject())

    assert policies.of(BillingSlowError()) == reject()
    assert policies.of(BillingDownError()) == retry(base=1, cap=2)
    assert policies.of(KeyError()) is None


def test_a_group_has_the_policy_that_all_in_it_have() -> None:
    """GIVEN exceptions of several classes in one group WHEN all have one policy THEN it is the group's; WHEN they
    differ, or one has none, THEN the group's own class counts."""
    policies = Policies()
    policies.declare(LookupError, reject())
    policies.declare(OSError, retry(base=1, cap=2))
    nested = ExceptionGroup("g", [KeyError("k"), ExceptionGroup("h", [IndexError("i")])])
    mixed = ExceptionGroup("g", [KeyError("k"), OSError("o")])

    assert policies.of(nested) == reject()
    assert policies.of(mixed) is None
    assert policies.of(ExceptionGroup("g", [KeyError("k"), ValueError("v")])) is None

    policies.declare(ExceptionGroup, retry(base=3, cap=4))
    assert policies.of(mixed) == retry(base=3, cap=4)


def test_a_second_policy_for_one_exception_is_refused() -> None:
    """GIVEN a policy WHEN its exception gets another THEN that is refused and named."""
    policies = Policies()
    policies.declare(BillingDownError, reject())

    with pytest.raises(DeclarationError, match="BillingDownError has two policies"):
        policies.declare(BillingDownError, retry(base=1, cap=1))


@pytest.mark.parametrize(("base", "cap"), [(-1, 5), (6, 5), (1, 43_201)])
def test_a_backoff_out_of_bounds_is_refused(base: float, cap: float) -> None:
    """GIVEN a backoff that SQS or sense would refuse WHEN declared THEN the error names it."""
    with pytest.raises(DeclarationError, match=f"base={base}, cap={cap}"):
        retry(base=base, cap=cap)


def test_a_backoff_never_overflows() -> None:
    """GIVEN the highest receive count that SQS allows WHEN its delay is asked for THEN it is the cap."""
    assert Backoff(2, 900).most(1_000_000) == 900
