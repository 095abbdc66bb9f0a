"""The memory ledger: the predicted and measured memory of the jobs on each device."""

from __future__ import annotations

from collections.abc import Mapping


class Ledger:
    """Records the jobs on each device at one time and the largest sum of their memory.

    A job counts with its measured peak, or with its predicted peak until it is measured.
    """

    def __init__(self) -> None:
        self._bytes: dict[str, int] = {}
        self._residents: dict[str, tuple[str, ...]] = {}
        self._crowds: dict[str, list[tuple[str, ...]]] = {}

    def admit(self, device: str, job: str, predicted_bytes: int) -> None:
        """``job`` starts on ``device``."""
        self._bytes[job] = predicted_bytes
        crowd = self._residents[device] = (*self._residents.get(device, ()), job)
        self._crowds.setdefault(device, []).append(crowd)

    def release(self, device: str, job: str, measured_bytes: int | None) -> None:
        """``job`` leaves ``device``. Its peak was ``measured_bytes`` (None: unknown)."""
        self._residents[device] = tuple(other for other in self._residents[device] if other != job)
        if measured_bytes is not None:
            self._bytes[job] = measured_bytes

    @property
    def peaks(self) -> Mapping[str, int]:
        """The largest sum on each device so far."""
        return {
            device: max(sum(self._bytes[job] for job in crowd) for crowd in crowds)
            for device, crowds in self._crowds.items()
        }
