"""The books of an executed run: each transition is in the journal before it takes effect."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from executor.journal.journal import NO_ANSWERS, Answer, Journal, JournalBlocked, StepsMade
from executor.journal.transitions import Kind, Transition
from executor.records.run_records import RunRecords, in_order
from executor.supervision.observer import Observer
from rmixer.errors import RunFailed
from rmixer.files.typed_files import parse, plain
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.cluster import Cluster
from rmixer.scheduling.view import State

KEEP_STEPS_EVERY_S = 2.0
"""The ends of steps are written this often if no transition writes them earlier."""
_LEFT: Mapping[str, State] = {"done": "done", "interrupted": "waiting", "cancelled": "failed"}
"""The state in the cluster's books of a job that leaves its devices."""
DISK_PAUSE_S, DISK_PATIENCE_S = 1.0, 600.0


class Books:
    """Writes transitions, then applies them to the ``records`` and the ``cluster``.

    If the journal cannot be written (the disk is full), the run waits for at most ten minutes:
    nothing new starts, and jobs that train go on.
    """

    def __init__(
        self, journal: Journal, records: RunRecords, cluster: Cluster, observer: Observer
    ) -> None:
        self.records, self.cluster = records, cluster
        self._journal, self._observer = journal, observer
        self._hopeless = False
        self.in_a_hurry: Callable[[], bool] = lambda: False
        """Returns True if the run should no longer wait for room on the disk."""
        self._steps: dict[tuple[str, int], StepsMade] = {}
        self._kept_s = time.monotonic()

    def restore(self) -> float:
        """Applies the journal of earlier parts of the run. Returns the run's clock at its last
        entry."""
        at_s = 0.0
        for transition in in_order(self._journal.transitions(), self.records.jobs):
            self._apply(transition)
            at_s = max(at_s, transition.at_s)
        for made in self._journal.steps():
            self.records.add_steps(made)
            at_s = max([at_s, *made.ends_s[-1:]])
        return at_s

    def happened(self, kind: Kind, at_s: float, job: str = "", **detail: Any) -> None:
        """Writes and applies an event of ``job``, or of the run."""
        self.all_happened([self.transition(kind, at_s, job, **detail)])

    def transition(self, kind: Kind, at_s: float, job: str = "", **detail: Any) -> Transition:
        """The transition of such an event, not yet written."""
        record = self.records.last(job)
        attempt = record.booking.attempt if record else 0
        return Transition(kind, at_s, job, attempt, plain(detail))

    def dispatched(self, bookings: Sequence[Booking], at_s: float) -> None:
        """Writes and applies the dispatch of jobs that are about to start."""
        self.all_happened(
            [
                Transition("dispatched", at_s, each.job, each.attempt, {"booking": plain(each)})
                for each in bookings
            ]
        )

    def all_happened(
        self, transitions: Sequence[Transition], answers: Mapping[int, Answer] = NO_ANSWERS
    ) -> None:
        """Writes and applies several transitions in order. All are written or none, with the
        ``answers`` to the requests that caused them."""
        self._write(transitions, answers)
        for transition in transitions:
            self._apply(transition)

    def steps_made(self, job: str, ends_s: Sequence[float], loss: float | None) -> None:
        """Records that further steps of ``job`` have ended. They are written with the next
        transition."""
        record = self.records.last(job)
        assert record is not None
        key = job, record.booking.attempt
        made = StepsMade(*key, ends_s, loss)
        self.records.add_steps(made)
        if (before := self._steps.get(key)) is not None:
            loss = before.loss if loss is None else loss
            made = StepsMade(*key, [*before.ends_s, *ends_s], loss)
        self._steps[key] = made

    def keep_steps(self) -> None:
        """Writes the steps that were not written for a while."""
        if self._steps and time.monotonic() >= self._kept_s + KEEP_STEPS_EVERY_S:
            self._write([])

    def _write(
        self, transitions: Sequence[Transition], answers: Mapping[int, Answer] = NO_ANSWERS
    ) -> None:
        give_up_s, told = time.monotonic() + DISK_PATIENCE_S, False
        while True:
            try:
                self._journal.write(transitions, self._steps.values(), answers)
            except JournalBlocked as error:
                if self._hopeless or time.monotonic() >= give_up_s or self.in_a_hurry():
                    if not self._hopeless:
                        self._observer.told(f"{error}; later events are not recorded")
                    self._hopeless = True
                    raise RunFailed(str(error)) from None
                if not told:
                    self._observer.told(f"{error}; no job starts until this works again")
                    told = True
                time.sleep(DISK_PAUSE_S)
            else:
                break
        if told:
            self._observer.told("the journal is written again")
        self._steps.clear()
        self._kept_s = time.monotonic()

    def _apply(self, transition: Transition) -> None:
        """Applies a transition. It must not fail: what is written counts."""
        self.records.apply(transition)
        job, detail = transition.job, transition.detail
        match transition.kind:
            case "submitted":
                each = self.records.jobs[job]
                self.cluster.submit(each.job, each.key, each.costs)
            case "dispatched" if job not in self.cluster.running:
                booking = parse(dict(detail["booking"]), Booking, "the journal")
                self.cluster.rebook(booking, transition.at_s)
            case "ended":
                self.cluster.finish(job, _LEFT[detail["state"]])
            case "failed":
                self.cluster.finish(job, "failed" if detail["again_s"] is None else "waiting")
            case "requeued":
                self.cluster.requeue(job, self.records.peaks(job))
            case "cancelled" if job not in self.cluster.running:
                self.cluster.withdraw(job)
