import threading

import pytest

from fanout_localstack.slots import NoSlotError, Slots


class Environment:
    def __init__(self) -> None:
        self.parked = 0

    def park(self) -> None:
        self.parked += 1


@pytest.fixture
def three() -> list[Environment]:
    return [Environment(), Environment(), Environment()]


def use(slots: Slots, *holders: Environment) -> None:
    for holder in holders:
        with slots.hold(holder, 0):
            pass


def test_the_environment_that_was_idle_longest_gives_way(three):
    slots = Slots(2)
    first, second, third = three
    use(slots, first, second, first)

    use(slots, third)

    assert [holder.parked for holder in three] == [0, 1, 0]


def test_an_environment_that_still_has_its_slot_parks_nobody(three):
    slots = Slots(2)
    first, second, _ = three
    use(slots, first, second, first, second)

    assert [holder.parked for holder in three] == [0, 0, 0]


def test_a_busy_environment_is_never_parked(three):
    slots = Slots(2)
    first, second, third = three
    with slots.hold(first, 0):
        use(slots, second, third)

    assert [holder.parked for holder in three] == [0, 1, 0]


def test_when_all_are_busy_the_caller_gives_up_with_the_fix(three):
    slots = Slots(1)
    with (
        slots.hold(three[0], 0),
        pytest.raises(NoSlotError, match="FANOUT_FUNCTION_PROCESSES"),
        slots.hold(three[1], 0),
    ):
        pass


def test_a_caller_that_waits_gets_the_slot_that_is_released(three):
    slots = Slots(1)
    first, second, _ = three
    got_it = threading.Event()

    def wait_for_slot() -> None:
        with slots.hold(second, 20):
            got_it.set()

    with slots.hold(first, 0):
        waiting = threading.Thread(target=wait_for_slot)
        waiting.start()
        slots.release(first)
        assert got_it.wait(20)
    waiting.join()

    assert first.parked == 0


def test_there_must_be_a_slot():
    with pytest.raises(ValueError, match="at least 1"):
        Slots(0)
