"""Ctrl-C, SIGTERM and SIGHUP during a run: heard once, and never in the middle of something."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType


class Interrupts:
    """Inside ``with Interrupts() as interrupts``, the first of these signals raises
    :class:`KeyboardInterrupt` in the main thread; inside ``with interrupts.held()`` it waits
    until that block is left. All later ones are ignored: the run is ending already.

    A signal that the process ignores, or that ends it at once, is left as it is.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, object] = {}
        self._holding = self._arrived = False

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A block that is done whole: a message half read, a job half booked would be lost."""
        heard_before = self._arrived
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        if self._arrived and not heard_before:
            raise KeyboardInterrupt

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        if self._arrived:
            return
        self._arrived = True
        if not self._holding:
            raise KeyboardInterrupt

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                before = signal.getsignal(number)
                if callable(before):
                    self._before[number] = before
                    signal.signal(number, self._hear)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]
