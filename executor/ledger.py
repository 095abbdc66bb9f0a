"""The memory ledger: what the jobs on each device hold, booked and measured."""

from __future__ import annotations

from collections.abc import Mapping


class Ledger:
    """Keeps the largest sum of the residents' memory at one time, device by device.

    A running job counts with what its profile predicts, and from its end with what it was
    measured to have held.
    """

    def __init__(self) -> None:
        self._held: dict[str, dict[str, int]] = {}
        self._peaks: dict[str, int] = {}
        self.measured: dict[str, int] = {}

    def admit(self, device: str, job: str, predicted_bytes: int) -> None:
        """``job`` starts on ``device``."""
        self._held.setdefault(device, {})[job] = predicted_bytes
        self._note(device)

    def release(self, device: str, job: str, measured_bytes: int | None) -> None:
        """``job`` leaves ``device``, having held ``measured_bytes`` (None if nobody knows)."""
        held = self._held[device]
        if measured_bytes is not None:
            held[job] = measured_bytes
            self.measured[job] = measured_bytes
            self._note(device)
        del held[job]

    @property
    def peaks(self) -> Mapping[str, int]:
        """The largest sum on each device so far."""
        return self._peaks

    def _note(self, device: str) -> None:
        total = sum(self._held[device].values())
        self._peaks[device] = max(total, self._peaks.get(device, 0))
