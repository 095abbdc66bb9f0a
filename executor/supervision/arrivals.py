"""Jobs that have yet to enter the queue: they have not arrived, or pause after a failure."""

from __future__ import annotations

from executor.supervision.books import Books
from executor.supervision.running_jobs import RunningJobs


class Arrivals:
    """Arrivals in ``books``, and retries of ``jobs``."""

    def __init__(self, books: Books, jobs: RunningJobs) -> None:
        self._books, self._jobs = books, jobs

    def coming_s(self) -> list[float]:
        """The arrival time of each job that has not arrived yet."""
        records = self._books.records
        every = records.jobs.values()
        return [each.job.arrival_s for each in every if each.job.id not in records.submitted]

    def take_in(self, now_s: float) -> bool:
        """Queues the jobs that have arrived and those whose pause after a failure is over. Returns
        True if there was any."""
        records, again_s = self._books.records, self._jobs.again_s
        seen = records.submitted
        coming = (each.job for each in records.jobs.values() if each.job.id not in seen)
        jobs = sorted(coming, key=lambda job: job.arrival_s)
        arrived = [job.id for job in jobs if job.arrival_s <= now_s]
        back = [job for job, at_s in again_s.items() if at_s <= now_s]
        if not arrived and not back:
            return False
        transition = self._books.transition
        self._books.all_happened(
            [
                *(transition("submitted", now_s, job) for job in arrived),
                *(transition("requeued", now_s, job) for job in back),
            ]
        )
        for job in back:
            del again_s[job]
        return True
