"""Drives a policy on the real clock. Torch is not imported here: the training is in the workers."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from math import inf

from executor.journal.journal import NAME
from executor.journal.opening import open_journal
from executor.overview.run_view import RunView, run_view
from executor.records.job_record import effective_step_ends_s, timeline_of
from executor.records.measured_summary import Usage, measured_summary
from executor.records.run_records import RunRecords
from executor.supervision.arrivals import Arrivals
from executor.supervision.books import Books
from executor.supervision.execution import ExecutedRun, Execution
from executor.supervision.interrupts import Interrupts
from executor.supervision.observer import Observer
from executor.supervision.real_readings import RealReadings
from executor.supervision.requests import Requests
from executor.supervision.restoring import restored
from executor.supervision.running_jobs import RunningJobs
from executor.workers.workers import Workers
from rmixer.errors import RunFailed
from rmixer.scheduling.cluster import Cluster
from rmixer.training.trained_job import unfinished

TICK_S = 0.25
"""The supervisor checks on its jobs at least this often."""
EXIT_GRACE_S = 0.5
MEMORY_PAUSE_S = 2.0
"""Pause between two looks at the memory that others hold."""


class Supervisor:
    """Carries out one execution by its ``workers``. It continues from the files that an earlier
    part of the same execution left in its folder."""

    def __init__(
        self, execution: Execution, workers: Workers, observer: Observer | None = None
    ) -> None:
        self._execution, self._workers = execution, workers
        self._problem, self._observer = execution.problem, observer or Observer()
        self._records = RunRecords()
        self._begin_s = 0.0
        self._asked_again_s: float | None = None
        self._told_crowded = False

    def execute(self, probe_s: float | None = None) -> ExecutedRun:
        """Runs to the end, or until it is interrupted or fails. In any case all processes are ended
        and the records so far are returned."""
        execution = self._execution
        cluster = Cluster(
            self._problem.machine,
            execution.layout,
            execution.step_times,
            execution.used_bytes,
            readings=RealReadings(execution, self._records, self._workers),
        )
        cluster.expect(self._problem.jobs)
        journal, damage = open_journal(execution.folder / NAME)
        if damage:
            self._observer.told(damage)
        with contextlib.closing(journal):
            self._books = Books(journal, self._records, cluster, self._observer)
            self._jobs = RunningJobs(
                execution,
                self._workers,
                self._books,
                self._observer,
                lambda at_s: at_s - self._begin_s,
            )
            self._arrivals = Arrivals(self._books, self._jobs)
            self._requests = Requests(execution, journal, self._books, self._jobs, self._observer)
            self._observer.begins(self._view)
            return self._execute(probe_s)

    def _execute(self, probe_s: float | None) -> ExecutedRun:
        interrupted, failure = False, None
        cpu_s = self._workers.cpu_seconds()
        with Interrupts() as interrupts:
            self._books.in_a_hurry = lambda: interrupts.asked
            try:
                try:
                    at_s = restored(self._execution, self._books, self._observer)
                    self._requests.look(at_s)
                    self._begin_s = time.perf_counter() - at_s
                    if self._has_work():
                        with interrupts.open():
                            slots = sum(entry.slots for entry in self._execution.layout.devices)
                            self._observer.warming(slots)
                            self._workers.open()
                        cpu_s = self._workers.cpu_seconds()
                        self._begin_s = time.perf_counter() - at_s
                        self._books.happened("warmed", at_s)
                        interrupted = not self._loop(interrupts)
                except KeyboardInterrupt:
                    interrupted = True
                except Exception as error:
                    failure = error
                self._stop(interrupts)
                cpu_s = self._workers.cpu_seconds() - cpu_s
            finally:
                self._workers.close(EXIT_GRACE_S)
                self._remove_unfinished()
        state = "interrupted" if interrupted else "failed" if failure else "done"
        with contextlib.suppress(RunFailed):  # of a journal that cannot be written, which is told
            self._books.happened("closed", self._now_s(), state=state)
        usage = Usage(self._workers.startup_s, cpu_s, probe_s)
        return self._executed(usage, interrupted, failure)

    def _now_s(self) -> float:
        return time.perf_counter() - self._begin_s

    def _view(self) -> RunView:
        return run_view(self._records, self._now_s(), "running")

    def _loop(self, interrupts: Interrupts) -> bool:
        """Runs until all jobs have ended; returns False if the run should end before."""
        changed = True
        while not (interrupts.asked or self._is_late()):
            self._workers.replace_ended()
            now_s = self._now_s()
            asked = self._asked_again_s is not None and self._asked_again_s <= now_s
            with interrupts.held():
                requested = self._requests.look(now_s)
                if self._arrivals.take_in(now_s) or changed or asked or requested:
                    self._decide(now_s)
            if not self._has_work():
                return True
            self._workers.wait(self._wait_s(now_s))
            with interrupts.held():
                changed = self._jobs.hear(self._now_s())
                self._jobs.look_after(self._now_s())
                self._books.keep_steps()
                self._observer.ticked()
        return False

    def _is_late(self) -> bool:
        until_s = self._execution.until_s
        return until_s is not None and time.monotonic() >= until_s

    def _has_work(self) -> bool:
        queued = self._books.cluster.view(0.0).queued
        return bool(self._jobs or self._jobs.again_s or self._arrivals.coming_s() or queued)

    def _decide(self, now_s: float) -> None:
        cluster, policy = self._books.cluster, self._execution.policy
        bookings = cluster.decide(policy, now_s)
        if bookings:
            self._books.dispatched(bookings, now_s)
        for booking in bookings:
            self._jobs.start(booking, now_s)
        again_s = cluster.ask_again_s(policy, now_s)
        self._asked_again_s = None if again_s is None else now_s + again_s
        if bookings or not cluster.view(now_s).queued:
            return
        if cluster.is_crowded:
            self._asked_again_s = min(now_s + MEMORY_PAUSE_S, self._asked_again_s or inf)
            if not self._jobs and not self._told_crowded:
                self._told_crowded = True
                self._observer.told("waiting for memory that other programs hold")
            return
        coming = self._arrivals.coming_s() or self._jobs.again_s or again_s is not None
        cluster.check_progress(more_to_come=bool(coming))

    def _wait_s(self, now_s: float) -> float:
        moments_s = [*self._arrivals.coming_s(), *self._jobs.again_s.values()]
        if self._asked_again_s is not None:
            moments_s.append(self._asked_again_s)
        return max(0.0, min([TICK_S, *(at_s - now_s for at_s in moments_s)]))

    def _stop(self, interrupts: Interrupts) -> None:
        """Lets every running job finish its step and write a checkpoint, and takes its last events,
        unless the user wants the run to end at once. Then books the end of all jobs that still run.
        """
        try:
            if self._jobs:
                self._observer.stopping(len(self._jobs))
                self._jobs.ask_to_stop(self._now_s())
            while self._jobs and not interrupts.twice:
                self._workers.wait(TICK_S)
                with interrupts.held():
                    self._jobs.hear(self._now_s())
                    self._jobs.look_after(self._now_s())
                    self._observer.ticked()
        except KeyboardInterrupt:
            pass
        except RunFailed as error:
            self._observer.told(f"the run ends at once: {error}")
        with contextlib.suppress(RunFailed):  # of a journal that cannot be written, which is told
            self._jobs.give_up(self._now_s())

    def _remove_unfinished(self) -> None:
        for job in self._records.attempts:
            if not self._records.is_done(job):
                path = unfinished(self._execution.weights(job))
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    self._observer.told(f"{path} is left behind: {error.strerror}")

    def _executed(self, usage: Usage, interrupted: bool, failure: Exception | None) -> ExecutedRun:
        attempts, run = self._records.attempts, self._execution.run
        bookings = (each[-1].booking for each in attempts.values())
        return ExecutedRun(
            timeline=timeline_of([record for each in attempts.values() for record in each], run),
            summary=measured_summary(
                run, self._problem, self._execution.policy.origin, self._records, usage
            ),
            bookings=tuple(sorted(bookings, key=lambda booking: booking.order)),
            step_ends_s={job: effective_step_ends_s(each) for job, each in attempts.items()},
            interrupted=interrupted,
            workload=replace(
                self._problem.workload,
                jobs=tuple(each.job for each in self._records.jobs.values()),
            ),
            failure=failure,
        )
