"""The books of an executed run: each transition is in the journal before it counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from executor.journal.journal import Journal, JournalFull
from executor.journal.transitions import Kind, Transition
from executor.records.run_records import RunRecords
from executor.supervision.observer import Observer
from rmixer.errors import RunFailed
from rmixer.files.typed_files import parse, plain
from rmixer.scheduling.cluster import Booking, Cluster

KEEP_STEPS_EVERY_S = 2.0
"""How often the ends of steps are written that nothing else makes the journal write."""
DISK_PAUSE_S, DISK_PATIENCE_S = 1.0, 600.0


class Books:
    """Writes transitions, then tells the ``records`` and the ``cluster`` of them.

    A disk that takes no more of the journal holds the run up for ten minutes at most: nothing new
    starts, jobs that train go on.
    """

    def __init__(
        self, journal: Journal, records: RunRecords, cluster: Cluster, observer: Observer
    ) -> None:
        self.records, self.cluster = records, cluster
        self._journal, self._observer = journal, observer
        self._hopeless = False
        self.in_a_hurry: Callable[[], bool] = lambda: False
        """Whether nobody will wait for room on the disk any more."""
        self._steps: dict[tuple[str, int], list[float]] = {}
        self._kept_s = time.monotonic()

    def restore(self) -> float:
        """Take in what the journal has of earlier parts of the run. Returns the run's clock at the
        last of it."""
        at_s = 0.0
        for transition in self._journal.transitions():
            self._apply(transition)
            at_s = max(at_s, transition.at_s)
        for (job, attempt), ends_s in self._journal.step_ends_s().items():
            self.records.add_steps(job, attempt, ends_s)
            at_s = max(at_s, ends_s[-1]) if ends_s else at_s
        return at_s

    def happened(self, kind: Kind, at_s: float, job: str = "", **detail: Any) -> None:
        """Something happened to ``job``, or to the run."""
        self.all_happened([self.transition(kind, at_s, job, **detail)])

    def transition(self, kind: Kind, at_s: float, job: str = "", **detail: Any) -> Transition:
        """The same, not yet written."""
        record = self.records.last(job)
        attempt = record.booking.attempt if record else 0
        return Transition(kind, at_s, job, attempt, plain(detail))

    def dispatched(self, bookings: Sequence[Booking], at_s: float) -> None:
        """Jobs are about to start."""
        self.all_happened(
            [
                Transition("dispatched", at_s, each.job, each.attempt, {"booking": plain(each)})
                for each in bookings
            ]
        )

    def all_happened(self, transitions: Sequence[Transition]) -> None:
        """Several things happened, in order: all are written, or none."""
        self._write(transitions)
        for transition in transitions:
            self._apply(transition)

    def steps_made(self, job: str, ends_s: Sequence[float]) -> None:
        """Further steps of ``job`` have ended. They are written with what is written next."""
        record = self.records.last(job)
        assert record is not None
        self.records.add_steps(job, record.booking.attempt, ends_s)
        self._steps.setdefault((job, record.booking.attempt), []).extend(ends_s)

    def keep_steps(self) -> None:
        """Write the steps that have not been written for a while."""
        if self._steps and time.monotonic() >= self._kept_s + KEEP_STEPS_EVERY_S:
            self._write([])

    def _write(self, transitions: Sequence[Transition]) -> None:
        give_up_s, told = time.monotonic() + DISK_PATIENCE_S, False
        while True:
            try:
                steps = [(*key, ends_s) for key, ends_s in self._steps.items()]
                self._journal.write(transitions, steps)
            except JournalFull as error:
                if self._hopeless or time.monotonic() >= give_up_s or self.in_a_hurry():
                    self._hopeless = True
                    raise RunFailed(str(error)) from None
                if not told:
                    self._observer.told(f"{error}; nothing new starts until it does")
                    told = True
                time.sleep(DISK_PAUSE_S)
            else:
                break
        if told:
            self._observer.told("the journal is written again")
        self._steps.clear()
        self._kept_s = time.monotonic()

    def _apply(self, transition: Transition) -> None:
        """Nothing here may fail: what is written counts."""
        self.records.apply(transition)
        job, detail = transition.job, transition.detail
        match transition.kind:
            case "submitted":
                each = self.records.problem.by_id[job]
                self.cluster.submit(each.job, each.key, each.costs)
            case "dispatched" if job not in self.cluster.running:
                booking = parse(dict(detail["booking"]), Booking, "the journal")
                self.cluster.rebook(booking, transition.at_s)
            case "ended":
                self.cluster.finish(job, "done" if detail["state"] == "done" else "waiting")
            case "failed":
                self.cluster.finish(job, "failed" if detail["again_s"] is None else "waiting")
            case "requeued":
                self.cluster.requeue(job, self.records.peaks(job))
            case "cancelled":
                self.cluster.withdraw(job)
