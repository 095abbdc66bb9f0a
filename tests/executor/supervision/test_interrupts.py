"""Ctrl-C and SIGTERM: once ends a run in order, twice at once, never in the middle of something."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from executor.supervision.interrupts import Interrupts

ENDING = (signal.SIGINT, signal.SIGTERM)
SIGNALS = (*ENDING, signal.SIGHUP)


def raise_interrupt(_number: int, _frame: object) -> None:
    """What the command line installs for the last two."""
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, raise_interrupt)
    signal.signal(signal.SIGHUP, raise_interrupt)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: signal.Signals) -> None:
    """Deliver a signal to this process, now."""
    signal.raise_signal(number)


@pytest.mark.parametrize("number", ENDING)
def test_the_first_asks_the_second_raises_later_ones_are_ignored(number: signal.Signals) -> None:
    with Interrupts() as interrupts:
        assert not interrupts.asked
        send(number)
        assert interrupts.asked
        assert not interrupts.twice
        with pytest.raises(KeyboardInterrupt):
            send(number)
        assert interrupts.twice
        for later in ENDING:
            send(later)


@pytest.mark.parametrize("number", ENDING)
def test_the_first_raises_where_nothing_is_under_way(number: signal.Signals) -> None:
    with Interrupts() as interrupts, interrupts.open(), pytest.raises(KeyboardInterrupt):
        send(number)


def test_a_closed_terminal_ends_nothing() -> None:
    with Interrupts() as interrupts, interrupts.open():
        send(signal.SIGHUP)
        send(signal.SIGHUP)
        assert not interrupts.asked


def test_what_is_held_is_done_whole() -> None:
    done = []

    def work(interrupts: Interrupts) -> None:
        with interrupts.held():
            send(signal.SIGINT)
            send(signal.SIGINT)
            done.append("the rest")
        done.append("what follows")

    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            work(interrupts)
        with interrupts.held():
            send(signal.SIGINT)
            done.append("the end")
    assert done == ["the rest", "the end"]


def test_an_error_in_what_is_held_comes_first() -> None:
    def fail(interrupts: Interrupts) -> None:
        with interrupts.held():
            send(signal.SIGINT)
            send(signal.SIGINT)
            raise ZeroDivisionError

    with Interrupts() as interrupts, pytest.raises(ZeroDivisionError):
        fail(interrupts)


def test_afterwards_signals_are_what_they_were() -> None:
    with Interrupts():
        assert signal.getsignal(signal.SIGTERM) is not raise_interrupt
    assert signal.getsignal(signal.SIGTERM) is raise_interrupt
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)


def test_an_ignored_signal_stays_ignored_and_a_deadly_one_deadly() -> None:
    """A run started with nohup, or inside a program that has no handler for SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with Interrupts():
        send(signal.SIGINT)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_another_thread_than_the_main_one_may_run_a_workload() -> None:
    seen: list[object] = []

    def work() -> None:
        with Interrupts() as interrupts, interrupts.held():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [raise_interrupt]
