"""Who watches a run: the supervisor tells, the command line draws."""

from __future__ import annotations

from rmixer.scheduling.cluster import Booking


class Observer:
    """Hears what happens; this one ignores it."""

    def warming(self, workers: int) -> None:
        """``workers`` worker processes are being started."""

    def started(self, booking: Booking, steps: int) -> None:
        """A job of ``steps`` steps starts."""

    def phase(self, job: str, phase: str) -> None:
        """A job enters a phase."""

    def progress(self, job: str, steps: int) -> None:
        """A job has made ``steps`` steps in all."""

    def not_finite(self, job: str, text: str, on_nan: str) -> None:
        """A job's loss is NaN or infinite, as ``text`` says; it fails for it (``on_nan`` is
        ``stop``) or goes on (``go_on``)."""

    def failed(self, job: str, traceback: str) -> None:
        """A job ends because its own model failed: what its user is to read."""

    def ended(self, job: str, state: str, error: str | None) -> None:
        """A job is done, failed or interrupted."""
