"""Life of environments in virtual time: scale, replace, lose, refuse, and never run away."""

import pytest

from fanout_router.control import ControlPort
from fanout_router.dispatcher import DispatchLimits
from fanout_router.environment import State
from fanout_router.errors import AdmissionError
from fanout_router.fleet import FleetOptions
from fanout_router.invokers import Ending
from fanout_router.scaler import ScalerOptions
from scripts.simulate.fake_invoker import Invocation
from tests.unit.fanout_router.fleet_support import FakeLink, FleetRig, Played

PATIENT = DispatchLimits(queue_timeout=600, response_timeout=600)


def test_from_zero_to_served_and_back_to_zero() -> None:
    rig = FleetRig(cold_start_s=2, scaling=ScalerOptions(cooldown_s=60))
    (exchange,) = rig.submit()
    rig.run(3)
    assert exchange.finished
    assert (rig.fleet.invoked, rig.fleet.count(State.SERVING)) == (1, 1)
    rig.run(70)
    assert not rig.fleet.environments
    assert rig.fleet.results == {"completed": 1}
    assert rig.fleet.served == 1


def test_a_spike_from_zero_is_answered_in_one_step() -> None:
    rig = FleetRig(cold_start_s=8, scaling=ScalerOptions(target_wait_s=0.05))
    exchanges = rig.submit(300)
    rig.run(9)
    assert all(e.finished for e in exchanges)
    assert rig.fleet.invoked == 30


def test_no_request_waits_for_a_cold_start_while_warm_ones_free_up() -> None:
    # GIVEN two warm environments
    rig = FleetRig(cold_start_s=8, scaling=ScalerOptions(minimum=2))
    rig.run(9)
    # WHEN a hundred requests come at once
    exchanges = rig.submit(100)
    # THEN the warm ones have served them all long before any new one is there
    rig.run(1)
    assert all(e.finished for e in exchanges)
    assert len(rig.played) == 2


def test_minimum_and_spare_are_kept_warm() -> None:
    rig = FleetRig(scaling=ScalerOptions(minimum=3))
    rig.run(2)
    assert rig.fleet.count(State.SERVING) == 3
    rig.played[0].die()
    rig.run(3)
    assert rig.fleet.count(State.SERVING) == 3


def test_an_environment_is_replaced_before_its_timeout_and_no_request_is_lost() -> None:
    # GIVEN a function of 60 seconds under a steady load
    options = FleetOptions(function_timeout=60, drain_margin=10)
    rig = FleetRig(options=options, cold_start_s=2, limits=DispatchLimits(queue_timeout=5))
    oldest = 0.0

    def load() -> None:
        nonlocal oldest
        rig.submit(3)
        ages = [rig.timeline.now - m.invoked_at for m in rig.fleet.environments.values() if m.state is State.SERVING]
        oldest = max([oldest, *ages])

    # WHEN ten minutes pass
    rig.run(3, load)
    waited = rig.dispatcher.counts.queued
    rig.run(600, load)
    rig.run(5)
    # THEN nobody served past its margin, nothing failed, and nobody had to wait for a replacement
    assert oldest <= 50.2
    assert rig.fleet.invoked >= 12
    assert all(e.finished for e in rig.exchanges)
    assert rig.dispatcher.counts.queued == waited


def test_a_dead_environment_is_found_by_its_silence() -> None:
    rig = FleetRig(scaling=ScalerOptions(minimum=1), options=FleetOptions(ping_interval=5, ping_timeout=15))
    rig.run(10)
    assert rig.played[0].link.pings >= 1
    rig.played[0].answers_pings = False
    rig.run(25)
    assert rig.played[0].link.aborted
    assert rig.fleet.invoked == 2
    assert rig.fleet.count(State.SERVING) == 1


def test_an_environment_that_says_it_drains_gets_no_more_and_is_replaced() -> None:
    rig = FleetRig(scaling=ScalerOptions(minimum=1))
    rig.run(2)
    first = rig.played[0]
    rig.fleet.connection_draining(first.environment)
    rig.run(3)
    assert first.environment.state is not State.SERVING
    assert rig.fleet.results == {"completed": 1}
    assert rig.fleet.count(State.SERVING) == 1


def test_an_environment_that_never_opens_is_given_up_and_its_secret_dies() -> None:
    rig = FleetRig(options=FleetOptions(open_timeout=10))
    held: list[Invocation] = []
    rig.on_invoke = held.append
    rig.submit()
    rig.run(11)
    assert rig.fleet.results["never_opened"] == 1
    with pytest.raises(AdmissionError):
        Played(rig, held[0])


@pytest.mark.parametrize("ending", [Ending.FUNCTION_ERROR, Ending.NOT_INVOKED, Ending.COMPLETED, Ending.THROTTLED])
@pytest.mark.parametrize("delay_s", [0.0, 0.05, 1.0])
def test_failing_invocations_can_never_run_away(ending: Ending, delay_s: float) -> None:
    # GIVEN a function whose every invocation fails, and a queue that never empties, for ten minutes
    options = FleetOptions(invoke_rate=2, invoke_burst=100)
    rig = FleetRig(options=options, limits=PATIENT)
    rig.on_invoke = lambda invocation: rig.timeline.after(delay_s, lambda: invocation.end(ending))
    rig.submit(5_000)
    rig.run(600)
    # THEN not even the budget is used: the pauses grow, so that they are few (the peer: 11,000 a minute)
    assert rig.fleet.invoked <= 250
    late = rig.fleet.invoked
    rig.run(60)
    assert rig.fleet.invoked - late <= 100
    if ending is not Ending.THROTTLED:
        assert rig.fleet.breaker.state.name != "CLOSED"
        assert rig.fleet.invoked <= 130


def test_environments_that_open_and_die_at_once_are_bounded_by_the_budget() -> None:
    rig = FleetRig(options=FleetOptions(invoke_rate=1, invoke_burst=20), cold_start_s=0.1, service_s=None)
    rig.on_invoke = lambda invocation: rig.timeline.after(0.1, lambda: _open_and_die(rig, invocation))

    rig.run(300, lambda: rig.submit(1))

    assert rig.fleet.invoked <= 20 + 300 + 1


def _open_and_die(rig: FleetRig, invocation: Invocation) -> None:
    Played(rig, invocation).die()
    invocation.end(Ending.FUNCTION_ERROR)


def test_the_breaker_closes_when_the_function_is_fixed() -> None:
    rig = FleetRig(limits=PATIENT)
    rig.on_invoke = lambda invocation: invocation.end(Ending.FUNCTION_ERROR)
    exchanges = rig.submit(5)
    rig.run(60)
    assert rig.fleet.breaker.state.name == "OPEN"
    rig.on_invoke = rig.open_later
    rig.run(65)
    assert rig.fleet.breaker.state.name == "CLOSED"
    assert all(e.finished for e in exchanges)


def test_a_throttled_account_is_used_as_far_as_it_goes() -> None:
    # GIVEN an account with room for three environments
    rig = FleetRig(limits=PATIENT, options=FleetOptions(throttle_pause=5))

    def invoke(invocation: Invocation) -> None:
        if len([m for m in rig.fleet.environments.values() if not m.invocation_ended]) > 3:
            invocation.end(Ending.THROTTLED)
        else:
            rig.open_later(invocation)

    rig.on_invoke = invoke
    exchanges = rig.submit(2_000)
    rig.run(120)
    assert all(e.finished for e in exchanges)
    assert len(rig.played) >= 3
    assert rig.fleet.results["throttled"] <= 120 / 5 + 5


def test_killed_environments_cost_no_idempotent_request() -> None:
    rig = FleetRig(scaling=ScalerOptions(minimum=4))
    rig.run(3)
    step = 0

    def load() -> None:
        nonlocal step
        step += 1
        rig.submit(4)
        if step % 20 == 0:
            alive = [p for p in rig.played if not p.dead]
            alive[step % len(alive)].die()

    rig.run(30, load)
    rig.run(10)
    print([(e.name, e.failure, e.attempts, e.answered, e.waiting, e.channel) for e in rig.exchanges if not e.finished])
    assert sum(not e.finished for e in rig.exchanges) == 0


def test_closing_lets_requests_finish_and_invokes_no_more() -> None:
    rig = FleetRig(scaling=ScalerOptions(minimum=2), service_s=3)
    rig.run(2)
    exchanges = rig.submit(5)
    rig.fleet.close()
    rig.run(10)
    assert all(e.finished for e in exchanges)
    assert not rig.fleet.environments
    assert rig.fleet.invoked == 2


class TestAdmission:
    """Who may open channels."""

    def invocations(self, count: int = 1) -> tuple[FleetRig, list[Invocation]]:
        rig = FleetRig(scaling=ScalerOptions(minimum=count))
        held: list[Invocation] = []
        rig.on_invoke = held.append
        rig.run(0.1)
        return rig, held

    def test_a_wrong_a_missing_and_a_foreign_secret_are_refused(self) -> None:
        rig, (first, second) = self.invocations(2)
        for secret in (b"", b"wrong", first.order.secret.encode()[:-1], second.order.secret.encode()):
            with pytest.raises(AdmissionError) as refusal:
                rig.fleet.admit(first.order.environment_id, secret, FakeLink.__new__(FakeLink))
            assert first.order.secret not in str(refusal.value)
        with pytest.raises(AdmissionError):
            rig.fleet.admit("web.unknown", first.order.secret.encode(), FakeLink.__new__(FakeLink))
        assert rig.fleet.count(State.INVOKED) == 2

    def test_a_replayed_secret_is_refused_and_the_owner_unharmed(self) -> None:
        rig, (invocation,) = self.invocations()
        owner = Played(rig, invocation)
        thief = FakeLink(owner)
        with pytest.raises(AdmissionError):
            rig.fleet.admit(invocation.order.environment_id, invocation.order.secret.encode(), thief)
        (exchange,) = rig.submit()
        rig.run(1)
        assert exchange.finished
        assert not owner.link.aborted

    def test_a_secret_is_worthless_after_its_environment(self) -> None:
        rig, (invocation,) = self.invocations()
        Played(rig, invocation).die()
        with pytest.raises(AdmissionError):
            Played(rig, invocation)

    def test_an_environment_opens_no_more_channels_than_agreed(self) -> None:
        rig, (invocation,) = self.invocations()
        owner = Played(rig, invocation)
        with pytest.raises(AdmissionError, match="all its channels"):
            rig.fleet.admit(invocation.order.environment_id, invocation.order.secret.encode(), owner.link)

    def test_a_draining_environment_opens_no_more(self) -> None:
        rig, (invocation,) = self.invocations()
        owner = Played(rig, invocation)
        rig.submit(1)
        rig.fleet.connection_draining(owner.environment)
        with pytest.raises(AdmissionError, match="no longer"):
            rig.fleet.admit(invocation.order.environment_id, invocation.order.secret.encode(), owner.link)

    def test_secrets_are_long_distinct_and_hidden(self) -> None:
        _, held = self.invocations(20)
        found = {invocation.order.secret for invocation in held}
        assert len(found) == 20
        assert all(len(secret) >= 43 for secret in found)
        assert not any(invocation.order.secret in repr(invocation) for invocation in held)

    def test_the_control_port_finds_the_fleet_by_the_environments_name(self) -> None:
        rig, (invocation,) = self.invocations()
        port = ControlPort([rig.fleet])
        assert port.fleet_of(invocation.order.environment_id) is rig.fleet
        with pytest.raises(AdmissionError):
            port.fleet_of("other.abc")
        played = Played(rig, invocation)
        rig.fleet.connection_draining(played.environment)
        assert played.environment.state is State.DRAINING
        rig.fleet.connection_lost(played.environment)
        assert not rig.fleet.environments


def hold(rig: FleetRig, played: Played, count: int) -> None:
    """Requests that nobody ends, on this many channels of an environment."""
    rig.service_s = None
    rig.submit(count)
    assert played.environment.busy == count


def test_channels_that_serve_count_and_not_environments() -> None:
    """GIVEN an environment full of endless requests WHEN others wait THEN another is started."""
    rig = FleetRig(options=FleetOptions(channels=4), scaling=ScalerOptions(minimum=1, maximum=6), limits=PATIENT)
    rig.run(2)
    for _ in range(50):  # a service time that makes it look as if the queue would soon be drained
        rig.submit()
        rig.run(0.2)
    hold(rig, rig.played[0], 4)
    rig.run(12)
    rig.service_s = 0.1
    (waiting,) = rig.submit()
    rig.run(3)
    assert len(rig.played) >= 2
    assert waiting.finished


def test_an_environment_without_a_channel_is_replaced() -> None:
    rig = FleetRig(options=FleetOptions(channels=2), scaling=ScalerOptions(minimum=1))
    rig.run(2)
    (lost,) = rig.played
    for channel in list(lost.environment.channels):
        channel.reset()
    rig.run(8)
    assert lost.link.aborted
    assert len(rig.played) == 2
    assert rig.fleet.count(State.SERVING) == 1


def test_a_fleet_that_cannot_serve_says_so() -> None:
    rig = FleetRig(options=FleetOptions(channels=1), scaling=ScalerOptions(minimum=1, maximum=1), limits=PATIENT)
    assert rig.fleet.can_serve()
    rig.run(2)
    hold(rig, rig.played[0], 1)
    rig.submit()
    rig.run(5)
    assert rig.fleet.can_serve()
    rig.run(7)
    assert not rig.fleet.can_serve()
    rig.played[0].die()
    rig.service_s = 0.1
    rig.run(5)
    assert rig.fleet.can_serve()


def test_nothing_is_sent_to_an_environment_that_is_given_up() -> None:
    """GIVEN an environment that answers no ping WHEN it is given up THEN it gets nothing more."""
    rig = FleetRig(scaling=ScalerOptions(minimum=1, maximum=1))
    rig.run(2)
    (silent,) = rig.played
    silent.answers_pings = False
    silent.link.abort = lambda: None  # type: ignore[method-assign]
    rig.run(22)
    assert silent.environment.state is State.GONE
    before = silent.served
    rig.submit()
    rig.run(2)
    assert silent.served == before
