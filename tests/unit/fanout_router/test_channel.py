"""One channel: what may go wrong with a request, and that the channel, its neighbours and the credit survive
it.
"""

import pytest

from fanout_router.channel import Channel
from fanout_router.exchange import Failure
from fanout_router.messages import BODY, END, HEAD, pack
from fanout_router.wire import WireLimits, frames
from tests.unit.fanout_router.support import OK_HEAD, FakeExchange, Rig


def test_requests_follow_each_other_on_one_channel() -> None:
    rig = Rig()
    peer = rig.environment().peers[0]
    for name in "abc":
        exchange = rig.submit(name)
        assert peer.last == name
        peer.answer(b"no")
        assert (exchange.head, exchange.body, exchange.finished) == (OK_HEAD, b"no", True)
    assert rig.dispatcher.counts.finished == 3


def test_a_client_that_leaves_cancels_in_band_and_the_channel_serves_on() -> None:
    # GIVEN a request that is being answered
    rig = Rig()
    peer = rig.environment().peers[0]
    gone = rig.submit("a")
    peer.say(pack(HEAD, OK_HEAD), pack(BODY, b"o"))
    # WHEN its client leaves, and the next request waits
    rig.dispatcher.depart(gone)
    waiting = rig.submit("b")
    peer.say(pack(BODY, b"k"))  # crossed our cancellation
    # THEN the environment hears of it, nothing more reaches the client, and the next is served after the word
    # came
    assert peer.cancels == 1
    assert gone.body == b"o"
    assert peer.last == "a"
    peer.confirm()
    assert peer.last == "b"
    peer.answer()
    assert waiting.finished


def test_an_unconfirmed_cancellation_costs_the_channel_after_its_time() -> None:
    rig = Rig(cancel_timeout=5)
    environment = rig.environment(channels=2)
    rig.dispatcher.depart(rig.submit())
    rig.wait(4.5)
    assert len(environment.environment.channels) == 2
    rig.wait(1)
    assert len(environment.environment.channels) == 1
    assert environment.environment.busy == 0


def test_an_app_failure_before_the_head_is_told_and_the_channel_serves_on() -> None:
    rig = Rig()
    peer = rig.environment().peers[0]
    exchange = rig.submit()
    peer.fail()
    assert exchange.failure is Failure.APP_FAILED
    rig.submit("b")
    assert peer.last == "b"


def test_an_app_failure_amid_the_body_is_told() -> None:
    rig = Rig()
    peer = rig.environment().peers[0]
    exchange = rig.submit()
    peer.say(pack(HEAD, OK_HEAD), pack(BODY, b"o"))
    peer.fail()
    assert exchange.failure is Failure.APP_FAILED


@pytest.mark.parametrize(
    "said", [pack(0), pack(HEAD, OK_HEAD) * 2, pack(BODY, b"x"), pack(8), pack(HEAD, OK_HEAD) + pack(99)]
)
def test_broken_framing_resets_this_channel_alone(said: bytes) -> None:
    rig = Rig()
    environment = rig.environment(channels=2)
    first, second = rig.submit("a", idempotent=False), rig.submit("b", idempotent=False)
    peer = next(peer for peer in environment.peers if peer.last == "a")
    other = next(peer for peer in environment.peers if peer.last == "b")

    peer.say(said)

    assert first.failure is Failure.BAD_RESPONSE
    assert peer.code == frames.CANCEL
    other.answer()
    assert second.finished


def test_a_response_that_is_none_fails_its_request() -> None:
    rig = Rig()
    peer = rig.environment().peers[0]
    exchange = rig.submit()
    peer.say(pack(HEAD | END, b"garbage\r\n\r\n"))
    assert exchange.failure is Failure.BAD_RESPONSE
    assert peer.cancels == 1


def test_an_unasked_response_resets_the_channel() -> None:
    rig = Rig()
    peer = rig.environment().peers[0]
    peer.answer()
    assert peer.code == frames.CANCEL
    assert rig.dispatcher.free == 0


def test_an_answer_before_the_whole_request_cancels_the_rest_of_it() -> None:
    rig = Rig()
    peer = rig.environment().peers[0]
    exchange = rig.submit(complete=False)
    peer.answer()
    assert exchange.finished
    assert peer.cancels == 1
    assert rig.dispatcher.free == 0
    peer.confirm()
    assert rig.dispatcher.free == 1


def test_buffered_body_goes_with_the_head_and_later_body_after_it() -> None:
    # GIVEN a request that waited while its body began to come
    rig = Rig()
    exchange = rig.submit(complete=False)
    exchange.buffered = [b"one ", b"two "]
    peer = rig.environment().peers[0]
    assert peer.body == b"one two "
    assert exchange.drained == 1
    # WHEN the rest comes
    assert exchange.channel is not None
    assert exchange.channel.send_body(b"three", True)
    # THEN the environment has it all, and the channel is free after the answer
    assert peer.body == b"one two three"
    peer.answer()
    assert rig.dispatcher.free == 1


def test_an_upload_stops_at_the_window_and_goes_on_when_it_opens() -> None:
    rig = Rig()
    environment = rig.environment(channels=0)
    peer = environment.open()
    peer.credits = False
    exchange = rig.submit(complete=False)
    drained = exchange.drained
    channel = exchange.channel
    assert isinstance(channel, Channel)
    stream = channel.stream
    stream.send_window = 10
    assert channel.send_body(b"x" * 1_000, False) is False
    assert exchange.drained == drained
    environment.server.receive(frames.window_update(stream.id, 100_000))
    assert exchange.drained == drained + 1
    assert peer.body == b"x" * 1_000


def test_withheld_credit_stops_the_environment_and_is_returned() -> None:
    # GIVEN a client that does not read
    rig = Rig()
    environment = rig.environment()
    peer = environment.peers[0]
    exchange = rig.submit()
    exchange.hold = True
    peer.say(pack(HEAD, OK_HEAD))
    # WHEN the environment sends more than the window
    peer.say(pack(BODY, b"x" * 400_000))
    window = WireLimits().stream_window
    assert len(exchange.body) <= window
    # THEN the rest comes when the client reads on
    exchange.hold = False
    assert exchange.channel is not None
    exchange.channel.resume()
    assert len(exchange.body) == 400_000


def test_credit_withheld_by_a_client_that_left_is_returned_to_the_channel() -> None:
    rig = Rig()
    peer = rig.environment().peers[0]
    exchange = rig.submit()
    exchange.hold = True
    peer.say(pack(HEAD, OK_HEAD), pack(BODY, b"x" * 250_000))
    rig.dispatcher.depart(exchange)
    peer.confirm()
    following = rig.submit("b")
    peer.say(pack(HEAD, OK_HEAD), pack(BODY | END, b"y" * 600_000))
    assert following.finished
    assert len(following.body) == 600_000


def test_a_channel_closed_by_the_environment_leaves_its_neighbours() -> None:
    rig = Rig()
    environment = rig.environment(channels=3)
    exchanges = [rig.submit(name, idempotent=False) for name in "abc"]
    environment.reset(next(peer for peer in environment.peers if peer.last == "b"))
    assert [e.failure for e in exchanges] == [None, Failure.ENVIRONMENT_LOST, None]
    assert len(environment.environment.channels) == 2


def test_an_exchange_that_has_nothing_to_resume_ignores_it() -> None:
    exchange = FakeExchange()
    exchange.upload_drained()
    assert exchange.drained == 1
