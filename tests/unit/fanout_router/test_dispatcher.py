"""InvocationRequest, fairness, bounds and retries, in virtual time."""

import gc
from weakref import WeakSet

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fanout_router.environment import State
from fanout_router.exchange import Failure
from fanout_router.messages import HEAD, pack
from tests.unit.fanout_router.support import OK_HEAD, FakeEnvironment, FakeExchange, Rig


def test_waiting_requests_are_served_in_the_order_they_came() -> None:
    rig = Rig()
    exchanges = [rig.submit(str(number)) for number in range(20)]
    peer = rig.environment().peers[0]
    served = []
    for _ in exchanges:
        served.append(int(peer.last))
        peer.answer()
    assert served == list(range(20))
    assert all(exchange.finished for exchange in exchanges)


def test_a_request_goes_to_the_least_busy_environment() -> None:
    rig = Rig()
    first, second = rig.environment("1", 3), rig.environment("2", 3)
    for number in range(4):
        rig.submit(str(number))
    assert (len(first.serving()), len(second.serving())) == (2, 2)
    third = rig.environment("3", 3)
    rig.submit("4")
    rig.submit("5")
    assert len(third.serving()) == 2


def test_a_full_environment_takes_no_more() -> None:
    rig = Rig()
    environment = rig.environment(channels=2)
    exchanges = [rig.submit(str(number)) for number in range(3)]
    assert sorted(environment.serving()) == ["0", "1"]
    assert rig.dispatcher.waiting == 1
    next(peer for peer in environment.peers if peer.last == "0").answer()
    assert sorted(environment.serving()) == ["1", "2"]
    assert not exchanges[2].over


def test_the_queue_is_bounded() -> None:
    rig = Rig(queue_length=2)
    exchanges = [rig.submit() for _ in range(3)]
    assert [e.failure for e in exchanges] == [None, None, Failure.QUEUE_FULL]
    assert rig.dispatcher.failures[Failure.QUEUE_FULL] == 1


def test_a_request_that_left_gives_its_place_in_the_queue_free_and_is_never_served() -> None:
    rig = Rig(queue_length=1)
    gone = rig.submit("gone")
    rig.dispatcher.depart(gone)
    rig.dispatcher.depart(gone)
    rig.submit("next")
    peer = rig.environment().peers[0]
    assert peer.heads[0].startswith(b"GET /next")
    assert rig.dispatcher.waiting == 0
    assert rig.dispatcher.counts.departed == 1


def test_a_queue_of_departed_requests_does_not_grow() -> None:
    rig = Rig(queue_length=10)
    alive: WeakSet[FakeExchange] = WeakSet()
    for number in range(10_000):
        exchange = rig.submit(str(number))
        alive.add(exchange)
        rig.dispatcher.depart(exchange)
    del exchange
    gc.collect()
    assert len(alive) <= 65


def test_a_request_waits_no_longer_than_the_queue_timeout() -> None:
    rig = Rig(queue_timeout=3)
    early = rig.submit("early")
    rig.wait(2)
    late = rig.submit("late")
    rig.wait(1)
    assert early.failure is Failure.QUEUE_TIMEOUT
    assert rig.dispatcher.waiting == 1
    peer = rig.environment().peers[0]
    assert peer.last == "late"
    assert not late.over
    assert rig.dispatcher.counts.queue_seconds == 4  # whoever was never served waited too


def test_a_response_that_does_not_begin_in_time_fails_and_frees_the_channel() -> None:
    rig = Rig(response_timeout=5)
    peer = rig.environment().peers[0]
    exchange = rig.submit()
    rig.wait(5)
    assert exchange.failure is Failure.RESPONSE_TIMEOUT
    peer.confirm()
    assert rig.dispatcher.free == 1
    assert rig.dispatcher.busy == 0


def test_a_response_may_go_on_for_long_but_not_stand_still() -> None:
    rig = Rig(response_timeout=5, idle_timeout=10)
    peer = rig.environment().peers[0]
    exchange = rig.submit()
    peer.say(b"\0\0\0\x13\x01HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(5):
        rig.wait(9)
        peer.say(b"\0\0\0\x01\x02x")
    assert not exchange.over
    rig.wait(10)
    assert exchange.failure is Failure.RESPONSE_TIMEOUT


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_lost_environment_costs_an_unanswered_idempotent_request_nothing(idempotent: bool) -> None:
    rig = Rig()
    dying = rig.environment("dying")
    exchange = rig.submit(idempotent=idempotent)
    other = rig.environment("other").peers[0]
    dying.die()
    if idempotent:
        other.answer()
        assert exchange.finished
        assert rig.dispatcher.counts.retried == 1
    else:
        assert exchange.failure is Failure.ENVIRONMENT_LOST
        assert other.heads == []


def test_a_request_is_not_tried_again_on_the_environment_that_is_dying() -> None:
    rig = Rig()
    dying = rig.environment("dying", 5)
    exchanges = [rig.submit(str(number)) for number in range(3)]
    dying.die()
    assert [e.attempts for e in exchanges] == [1, 1, 1]
    assert rig.dispatcher.waiting == 3
    rig.environment("other", 3)
    assert [e.attempts for e in exchanges] == [2, 2, 2]


def test_an_idempotent_request_is_tried_again_only_once() -> None:
    rig = Rig()
    environments = [rig.environment("1"), rig.environment("2"), rig.environment("3")]
    exchange = rig.submit()
    for environment in environments[:2]:
        environment.die()
    assert exchange.failure is Failure.ENVIRONMENT_LOST
    assert environments[2].peers[0].heads == []


def test_an_answered_request_is_never_tried_again() -> None:
    rig = Rig()
    dying = rig.environment("dying")
    exchange = rig.submit()
    other = rig.environment("other").peers[0]
    dying.peers[0].say(b"\0\0\0\x13\x01HTTP/1.1 200 OK\r\n\r\n")
    dying.die()
    assert exchange.failure is Failure.ENVIRONMENT_LOST
    assert other.heads == []


def test_a_refused_request_goes_elsewhere_whatever_its_method() -> None:
    rig = Rig()
    refusing = rig.environment("refusing")
    exchange = rig.submit(idempotent=False)
    refusing.drain()
    refusing.peers[0].refuse()
    other = rig.environment("other").peers[0]
    other.answer()
    assert exchange.finished


def test_a_request_refused_everywhere_fails_in_the_end() -> None:
    rig = Rig()
    exchange = rig.submit(idempotent=False)
    for number in range(3):
        environment = rig.environment(str(number))
        environment.drain()
        environment.peers[0].refuse()
    assert exchange.failure is Failure.ENVIRONMENT_LOST


def test_an_undelivered_request_is_tried_again_whatever_its_method() -> None:
    # GIVEN an environment whose window is closed, so that the request has not left us
    rig = Rig()
    blocked = rig.environment("blocked")
    next(iter(blocked.environment.channels)).stream.send_window = 0
    exchange = rig.submit(idempotent=False)
    # WHEN it dies
    blocked.die()
    # THEN another one serves the request
    rig.environment("other").peers[0].answer()
    assert exchange.finished


def test_a_retried_request_goes_before_those_that_wait() -> None:
    rig = Rig()
    dying = rig.environment("dying")
    rig.submit("first")
    rig.submit("second")
    dying.die()
    peer = rig.environment("other").peers[0]
    assert peer.last == "first"


def test_draining_finishes_what_runs_and_starts_nothing() -> None:
    rig = Rig()
    environment = rig.environment(channels=2)
    running = rig.submit("running")
    environment.drain()
    waiting = rig.submit("waiting")
    peer = next(peer for peer in environment.peers if peer.last == "running")
    peer.answer()
    assert running.finished
    assert peer.ended
    assert not waiting.over
    assert environment.environment not in rig.dispatcher.environments


def test_a_closing_dispatcher_takes_no_request_that_would_wait() -> None:
    rig = Rig()
    rig.environment()
    rig.dispatcher.close()
    assert not rig.submit("a").over
    assert rig.submit("b").failure is Failure.CLOSING


def test_waiting_is_told_at_once() -> None:
    rig = Rig()
    told = []
    rig.dispatcher.on_waiting = lambda: told.append(rig.dispatcher.waiting)
    rig.submit()
    rig.submit()
    assert told == [1, 2]


class Machine(RuleBasedStateMachine):
    """Whatever happens, nobody waits beside a free channel, counts agree, and no request is lost or ended
    twice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(queue_length=5, queue_timeout=10, response_timeout=10, cancel_timeout=3)
        self.environments: list[FakeEnvironment] = []
        self.exchanges: list[FakeExchange] = []

    @rule(channels=st.integers(1, 3))
    def environment(self, channels: int) -> None:
        self.environments.append(self.rig.environment(str(len(self.environments)), channels))

    @rule(idempotent=st.booleans(), complete=st.booleans())
    def submit(self, idempotent: bool, complete: bool) -> None:
        name = str(len(self.exchanges))
        self.exchanges.append(self.rig.submit(name, idempotent=idempotent, complete=complete))

    @rule(number=st.integers(0, 50), end=st.booleans())
    def upload(self, number: int, end: bool) -> None:
        going = [e for e in self.exchanges if not e.complete and e.channel is not None]
        if going:
            exchange = going[number % len(going)]
            assert exchange.channel is not None
            exchange.complete = end
            exchange.channel.send_body(b"part", end)

    @rule(number=st.integers(0, 50))
    def reopen(self, number: int) -> None:
        living = [e for e in self.environments if not e.dead]
        if living:
            living[number % len(living)].open()

    @rule(number=st.integers(0, 50), how=st.sampled_from(["answer", "answer", "fail", "refuse", "confirm"]))
    def speak(self, number: int, how: str) -> None:
        channels = [c for e in self.environments for c in e.environment.channels]
        busy = [c for c in channels if (c.cancelling if how == "confirm" else c.exchange is not None)]
        if busy:
            channel = busy[number % len(busy)]
            peer = next(s for e in self.environments if e.environment is channel.environment
                        for s in e.peers if s.stream and s.stream.id == channel.stream.id)  # fmt: skip
            if how == "refuse":
                self.rig.dispatcher.drain(channel.environment)
            getattr(peer, how)()

    @rule(number=st.integers(0, 50))
    def depart(self, number: int) -> None:
        alive = [e for e in self.exchanges if not e.over and not e.departed]
        if alive:
            self.rig.dispatcher.depart(alive[number % len(alive)])

    @rule(number=st.integers(0, 50), how=st.sampled_from(["die", "drain", "reset"]))
    def lose(self, number: int, how: str) -> None:
        if not self.environments:
            return
        environment = self.environments[number % len(self.environments)]
        if how == "die":
            environment.die()
        elif how == "drain":
            environment.drain()
        elif environment.peers[0].code is None:
            environment.reset(environment.peers[0])

    @rule(seconds=st.floats(0.1, 6))
    def wait(self, seconds: float) -> None:
        self.rig.wait(seconds)

    @invariant()
    def counts_agree(self) -> None:
        dispatcher = self.rig.dispatcher
        environments = [e.environment for e in self.environments]
        assert dispatcher.free == sum(len(e.free) for e in environments)
        assert not (dispatcher.free and dispatcher.waiting)
        for environment in environments:
            working = [c for c in environment.channels if c.exchange is not None or c.cancelling]
            assert environment.busy == len(working)
            assert len(environment.free) + len(working) == len(environment.channels)
        alive = [e for e in self.exchanges if not e.over and not e.departed]
        assert dispatcher.waiting == sum(e.channel is None for e in alive)
        assert len(alive) == dispatcher.waiting + sum(c.exchange is not None for e in environments for c in e.channels)

    def teardown(self) -> None:
        """Once every client has left and every environment has confirmed that, every channel is free."""
        for exchange in self.exchanges:
            if not exchange.over:
                self.rig.dispatcher.depart(exchange)
        for environment in self.environments:
            for peer in environment.peers:
                channels = {c.stream.id: c for c in environment.environment.channels}
                if peer.stream is not None and peer.stream.id in channels and channels[peer.stream.id].cancelling:
                    peer.confirm()
        serving = [e.environment for e in self.environments if e.environment.state is State.SERVING]
        assert (self.rig.dispatcher.free, self.rig.dispatcher.busy) == (sum(len(e.channels) for e in serving), 0)


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMachine = Machine.TestCase


def test_the_time_of_an_upload_does_not_count_as_the_apps() -> None:
    """GIVEN 3 s for an answer WHEN an upload takes 6 s THEN the app has 3 s from its end."""
    rig = Rig(response_timeout=3)
    peer = rig.environment().peers[0]
    exchange = rig.submit(complete=False)
    assert exchange.channel is not None
    for number in range(6):
        rig.wait(1)
        exchange.channel.send_body(b"part", number == 5)
    rig.wait(2.5)
    assert exchange.failure is None
    rig.wait(1)
    assert exchange.failure is Failure.RESPONSE_TIMEOUT
    assert peer.cancels == 1


def test_an_app_that_takes_no_body_has_its_time_all_the_same() -> None:
    rig = Rig(response_timeout=3)
    environment = rig.environment(channels=0)
    environment.open().credits = False
    exchange = rig.submit(complete=False)
    assert exchange.channel is not None
    assert not exchange.channel.send_body(b"x" * 1_000_000, False)
    rig.wait(4)
    assert exchange.failure is Failure.RESPONSE_TIMEOUT


def test_what_the_front_cannot_pass_on_costs_its_own_channel_alone() -> None:
    """GIVEN two requests on one connection WHEN passing one answer on raises THEN the other is served."""

    class Fragile(FakeExchange):
        def response_head(self, head: bytes, end: bool, _alone: bool) -> bool:
            raise RuntimeError("the transport is closed")

    rig = Rig()
    environment = rig.environment(channels=2)
    fragile = Fragile("fragile")
    rig.dispatcher.submit(fragile)
    sound = rig.submit("sound")
    for peer in environment.peers:
        peer.answer()
    assert fragile.failure is not None
    assert sound.finished
    assert len(environment.environment.channels) == 1


def test_a_request_is_served_whether_it_or_its_channel_comes_first() -> None:
    rig = Rig()
    early = rig.submit("early")
    assert rig.dispatcher.waiting == 1
    peer = rig.environment().peers[0]
    assert peer.last == "early"
    peer.answer()
    late = rig.submit("late")
    assert peer.last == "late"
    peer.answer()
    assert early.finished
    assert late.finished


def test_a_waiting_request_is_given_to_one_of_two_channels_that_come_at_once() -> None:
    rig = Rig()
    exchange = rig.submit()
    peers = rig.environment(channels=2).peers
    assert sorted(len(peer.heads) for peer in peers) == [0, 1]
    assert exchange.attempts == 1
    assert rig.dispatcher.free == 1


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_after_a_time_out_all_counts_are_back_to_zero(when: str) -> None:
    # GIVEN a request that takes too long before it is started, before it is answered, or amid its answer
    rig = Rig(queue_timeout=5, response_timeout=5, idle_timeout=5)
    environment = rig.environment() if when != "before" else None
    exchange = rig.submit()
    if environment is not None and when == "after":
        environment.peers[0].say(pack(HEAD, OK_HEAD))
    # WHEN its time is up
    rig.wait(6)
    # THEN it has failed once, and nothing is left of it
    assert exchange.failure is (Failure.QUEUE_TIMEOUT if when == "before" else Failure.RESPONSE_TIMEOUT)
    if environment is not None:
        environment.peers[0].confirm()
        assert (environment.environment.busy, rig.dispatcher.free) == (0, 1)
    assert (rig.dispatcher.waiting, rig.dispatcher.busy) == (0, 0)
    # AND a channel that comes later is not given it
    late = rig.environment("late")
    assert late.peers[0].heads == []


def test_a_channel_that_goes_and_comes_again_is_counted_once() -> None:
    rig = Rig()
    environment = rig.environment(channels=2)
    for _ in range(3):
        environment.reset(environment.peers[-1])
        assert rig.dispatcher.free == 1
        environment.open()
        assert rig.dispatcher.free == 2
    assert len(environment.environment.channels) == 2
    exchanges = [rig.submit(str(number)) for number in range(3)]
    assert [exchange.attempts for exchange in exchanges] == [1, 1, 0]


def test_environments_of_one_channel_take_turns() -> None:
    rig = Rig()
    environments = [rig.environment(name) for name in "abc"]
    order = []
    for number in range(6):
        rig.submit(str(number))
        (busy,) = [e for e in environments if e.serving()]
        order.append(busy.environment.id)
        busy.peers[0].answer()
    assert order == ["a", "b", "c", "a", "b", "c"]


def test_a_channel_of_an_environment_that_drains_is_closed_when_it_opens() -> None:
    rig = Rig()
    environment = rig.environment()
    environment.drain()
    assert environment.open().ended
    assert rig.dispatcher.free == 0
