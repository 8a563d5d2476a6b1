"""The timer of a worker's batches: it interrupts what may be interrupted, and leaves the process as it was."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fanout.processing.timing import TimeUp, Watch

SOON_S = 0.01
LONG_S = 15.0


@pytest.fixture(autouse=True)
def _alarm() -> Iterator[None]:
    """The process's handler and timer, pytest's time limit for instance, as they were before."""
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    handler = signal.signal(signal.SIGALRM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, left_s)


def wait(watch: Watch, seconds: float) -> None:
    """For the alarm, which is to ring after so many seconds."""
    watch.ring_in(seconds)
    signal.sigtimedwait({signal.SIGUSR1}, LONG_S)


def ring() -> None:
    """As the timer does."""
    signal.raise_signal(signal.SIGALRM)


def test_what_is_interruptible_is_interrupted() -> None:
    """GIVEN something that waits for long WHEN its time is up THEN it is interrupted, at once, and once alone."""
    began = time.monotonic()
    with Watch() as watch:
        watch.interruptible = True
        with pytest.raises(TimeUp):
            wait(watch, SOON_S)
        assert not watch.interruptible
        ring()

    assert time.monotonic() - began < LONG_S


def test_what_is_not_interruptible_goes_on() -> None:
    """GIVEN the core at work, which records a batch for instance WHEN the time is up THEN nothing is raised."""
    with Watch() as watch:
        ring()
        assert not watch.interruptible


def test_a_later_time_replaces_the_earlier() -> None:
    """GIVEN a time set WHEN another is set THEN the timer runs to that one."""
    with Watch() as watch:
        watch.ring_in(LONG_S)
        watch.ring_in(2 * LONG_S)
        left_s, interval_s = signal.getitimer(signal.ITIMER_REAL)

    assert LONG_S < left_s <= 2 * LONG_S
    assert interval_s == 0


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_time_left_rings_at_once(seconds: float) -> None:
    """GIVEN no time left WHEN set THEN it rings: zero would stop the timer instead."""
    with Watch() as watch:
        watch.interruptible = True
        with pytest.raises(TimeUp):
            wait(watch, seconds)


def test_after_a_batch_no_timer_runs() -> None:
    """GIVEN a batch that ended before its time WHEN it is over THEN the timer is stopped, nothing is interrupted, and
    a further batch can be."""
    watch = Watch()
    for _ in range(2):
        with watch:
            watch.ring_in(LONG_S)
            assert watch.in_force
        assert not watch.in_force
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        watch.ring_in(SOON_S)
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    with watch:
        watch.interruptible = True
        with pytest.raises(TimeUp):
            ring()


def test_somebody_elses_alarm_is_theirs_again() -> None:
    """GIVEN a handler and a timer of somebody else's WHEN a batch is over THEN both are as before, the timer shorter by
    the batch."""
    heard: list[Any] = []
    theirs = lambda *_: heard.append(1)  # noqa: E731 - compared by identity
    signal.signal(signal.SIGALRM, theirs)
    signal.setitimer(signal.ITIMER_REAL, LONG_S)
    with Watch() as watch:
        watch.ring_in(2 * LONG_S)

    assert signal.getsignal(signal.SIGALRM) is theirs
    assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= LONG_S
    ring()
    assert heard == [1]


def test_outside_of_the_main_thread_it_never_interrupts() -> None:
    """GIVEN another thread, where signals cannot be had WHEN a batch runs there THEN the watch is not in force, and
    does no harm."""
    told: list[bool] = []

    def batch() -> None:
        with Watch() as watch:
            watch.ring_in(SOON_S)
            told.append(watch.in_force)

    thread = threading.Thread(target=batch)
    thread.start()
    thread.join()

    assert told == [False]
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_no_handler_takes_it_for_an_error_of_its_own() -> None:
    """GIVEN a handler that catches every Exception WHEN its time is up THEN it is interrupted all the same."""
    assert not issubclass(TimeUp, Exception)
