"""An observer of a run: the supervisor calls it, the command line draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from executor.overview.run_view import RunView
from rmixer.scheduling.booking import Booking


class Observer:
    """Receives the events of a run; this one ignores them."""

    def begins(self, view: Callable[[], RunView]) -> None:
        """The run begins; ``view`` looks at it from now on."""

    def ticked(self) -> None:
        """Called several times a second while jobs run: a moment to show something."""

    def warming(self, workers: int) -> None:
        """``workers`` worker processes are being started."""

    def told(self, text: str) -> None:
        """A message about the run for its user."""

    def restored(self, done: int, jobs: int) -> None:
        """The run goes on after an interruption; ``done`` of its ``jobs`` are done."""

    def added(self, jobs: Sequence[str]) -> None:
        """Jobs of these ids were added to the run."""

    def started(self, booking: Booking, steps: int) -> None:
        """A job of ``steps`` steps starts."""

    def phase(self, job: str, phase: str) -> None:
        """A job enters a phase."""

    def progress(self, job: str, steps: int) -> None:
        """``steps`` steps of a job are done."""

    def not_finite(self, job: str, text: str, on_nan: str) -> None:
        """A job's loss is NaN or infinite, as ``text`` says; it fails for it (``on_nan`` is
        ``stop``) or goes on (``go_on``)."""

    def failed(self, job: str, traceback: str) -> None:
        """A job ends because its own model failed; ``traceback`` is for its user."""

    def retried(self, job: str, error: str, pause_s: float) -> None:
        """A job has failed because of ``error``, and is tried again after ``pause_s``."""

    def ended(self, job: str, state: str, error: str | None) -> None:
        """A job is done, failed, interrupted or cancelled."""

    def stopping(self, jobs: int) -> None:
        """The run should end: this many jobs finish their step and write a checkpoint."""
