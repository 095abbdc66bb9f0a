"""Continues an execution from the end of its journal."""

from __future__ import annotations

from executor.journal.transitions import Transition
from executor.records.known_job import written
from executor.records.supervising_process import SupervisingProcess
from executor.supervision.books import Books
from executor.supervision.execution import Execution
from executor.supervision.observer import Observer
from executor.supervision.running_jobs import cut_state
from rmixer.files.typed_files import plain


def restored(execution: Execution, books: Books, observer: Observer) -> float:
    """Continues from the end of the journal: jobs that ran or failed are queued again. Returns the
    run's clock at the end."""
    records, transition = books.records, books.transition
    jobs = Transition("added", 0.0, detail=written(execution.problem.jobs, late=False))
    records.apply(jobs)
    at_s = books.restore()
    late = [each.job for each in records.jobs.values() if each.late]
    if late and execution.admit is not None:
        execution.admit(late)
    cut = [
        transition("ended", at_s, job, state=cut_state(records, job), answer={})
        for job in (record.job.id for record in records.running)
    ]
    process = plain(SupervisingProcess.this())
    opened = transition("opened", at_s, process=process, plan=plain(execution.plan))
    books.all_happened([*cut, opened, jobs])
    back = [
        transition("requeued", at_s, job)
        for job in records.attempts
        if job not in records.cancelled and not records.is_done(job)
    ]
    books.all_happened([*back, *_cancelled_before(execution, books, at_s)])
    if records.parts > 1:
        done = sum(records.is_done(job) for job in records.attempts)
        observer.restored(done, len(records.jobs))
    return at_s


def _cancelled_before(execution: Execution, books: Books, at_s: float) -> list[Transition]:
    """Cancels the jobs that should not run at all."""
    records, transition = books.records, books.transition
    jobs = [
        job for job in records.jobs if job in execution.cancelled and job not in records.cancelled
    ]
    submitted = [job for job in jobs if job not in records.submitted]
    return [
        *(transition("submitted", at_s, job) for job in submitted),
        *(transition("cancelled", at_s, job) for job in jobs),
    ]
