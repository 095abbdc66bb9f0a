"""Carries out requests to a run from outside: cancels a job, adds jobs."""

from __future__ import annotations

from dataclasses import replace

from executor.journal.journal import Answer, Journal, JournalBlocked, Request
from executor.journal.transitions import Transition
from executor.records.known_job import written
from executor.supervision.books import Books
from executor.supervision.execution import Execution
from executor.supervision.observer import Observer
from executor.supervision.running_jobs import RunningJobs
from rmixer.errors import InputError
from rmixer.files.typed_files import parse
from rmixer.workload.workload import Job


class Requests:
    """The requests in the ``journal`` without an answer. Each is answered in the write that carries
    it out, so it is done exactly once, even if the run is killed."""

    def __init__(
        self,
        execution: Execution,
        journal: Journal,
        books: Books,
        jobs: RunningJobs,
        observer: Observer,
    ) -> None:
        self._execution, self._journal, self._books = execution, journal, books
        self._jobs, self._observer = jobs, observer

    def look(self, now_s: float) -> bool:
        """Carries out the requests since the last call. Returns True if there was any."""
        try:
            requests = self._journal.requests()
        except JournalBlocked:  # they stay there; who writes next says what is wrong
            return False
        for request in requests:
            try:
                if request.kind == "cancel":
                    self._cancel(request, now_s)
                else:
                    self._add(request, now_s)
            except InputError as error:
                self._books.all_happened([], {request.number: Answer(str(error), refused=True)})
                self._observer.told(f"refused to {request.kind}: {error}")
        return bool(requests)

    def _cancel(self, request: Request, now_s: float) -> None:
        job, records = str(request.content), self._books.records
        records.check_cancel(job)
        running = records.state(job) == "running"
        happened = [self._books.transition("cancelled", now_s, job)]
        if job not in records.submitted:
            happened.insert(0, self._books.transition("submitted", now_s, job))
        text = f"{job} is cancelled: it will not start"
        if running and (record := records.last(job)) is not None:
            text = f"{job} is cancelled: it stops at its next step, after {record.steps} or more"
        self._books.all_happened(happened, {request.number: Answer(text)})
        if running:
            self._jobs.stop(job)
        else:
            self._jobs.again_s.pop(job, None)
            self._observer.ended(job, "cancelled", None)

    def _add(self, request: Request, now_s: float) -> None:
        jobs = parse(request.content["jobs"], list[Job], "the request")
        self._books.records.check_added(jobs)
        if self._execution.admit is None:
            raise InputError("WORKLOAD", "", "jobs for a run that takes none", "another run")
        # A job arrives so long after it was added as its workload says of the start of a run.
        found = [
            replace(each, job=replace(each.job, arrival_s=each.job.arrival_s + now_s))
            for each in self._execution.admit(jobs)
        ]
        names = ", ".join(each.job.id for each in found)
        self._books.all_happened(
            [Transition("added", now_s, detail=written(found, late=True))],
            {request.number: Answer(f"added {names}")},
        )
        self._observer.added([each.job.id for each in found])
