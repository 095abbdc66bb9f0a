"""Finds the first training step whose loss is not a finite number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the supervisor, which imports this too, needs no torch
    from torch import Tensor


class LossWatch:
    """Checks the loss of every step, each with its number from 1.

    On the CPU a loss is read at once. Reading it on a GPU would make the host wait for every step,
    so there the losses are kept and read together by :meth:`check`.
    """

    def __init__(self) -> None:
        self.first: tuple[int, float] | None = None
        """The first step whose loss is NaN or infinite, and that loss; None if there is none."""
        self.last: float | None = None
        """The loss that was read last."""
        self._unread: list[tuple[int, Tensor]] = []
        self._sum, self._count = 0.0, 0

    def see(self, step: int, loss: Tensor | None) -> bool:
        """True if ``loss`` of ``step`` is known to be the first that is not finite."""
        if loss is None or self.first is not None:
            return False
        if loss.device.type != "cpu":
            self._unread.append((step, loss))
            return False
        if not math.isfinite(value := self._read(loss)):
            self.first = step, value
        return self.first is not None

    def check(self) -> bool:
        """Reads the losses not read yet; returns True if one of them is the first that is not
        finite."""
        unread, self._unread = self._unread, []
        for step, loss in unread:
            value = self._read(loss)
            if self.first is None and not math.isfinite(value):
                self.first = step, value
                return True
        return False

    def take_mean(self) -> float | None:
        """The mean of the losses read since the last call, None if there were none."""
        total, count, self._sum, self._count = self._sum, self._count, 0.0, 0
        return total / count if count else None

    def _read(self, loss: Tensor) -> float:
        self.last = value = float(loss)
        self._sum, self._count = self._sum + value, self._count + 1
        return value
