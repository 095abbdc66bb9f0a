"""Handles Ctrl-C, SIGTERM and SIGHUP during a run without cutting an action in two."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Interrupts:
    """Inside ``with Interrupts() as interrupts``, the first Ctrl-C or SIGTERM sets ``asked``: the
    run should end in order. It raises :class:`KeyboardInterrupt` only inside ``with
    interrupts.open()``, where nothing is under way yet. The second means that the run should end at
    once: it raises anywhere but inside ``with interrupts.held()``, whose end it waits for. Later
    ones are ignored.

    SIGHUP, from a terminal that is closed, ends nothing. A signal that the process already ignores,
    or that ends it at once, is left as it is.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, object] = {}
        self._count = 0
        self._open = self._holding = self._late = False

    @property
    def asked(self) -> bool:
        """True if the run should end."""
        return self._count > 0

    @property
    def twice(self) -> bool:
        """True if the run should end at once."""
        return self._count > 1

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """A block that the first signal ends at once."""
        self._open = True
        try:
            yield
        finally:
            self._open = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A block that is not cut: half of a message or of a booking would be lost."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        if self._late:
            self._late = False
            raise KeyboardInterrupt

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
        ends_at_once = (self._open and self._count == 1) or self._count == 2
        if ends_at_once and self._holding:
            self._late = True
        elif ends_at_once:
            raise KeyboardInterrupt

    def _outlive(self, _number: int, _frame: FrameType | None) -> None:
        pass

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                before = signal.getsignal(number)
                if callable(before):
                    self._before[number] = before
                    signal.signal(number, self._outlive if number == signal.SIGHUP else self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]
