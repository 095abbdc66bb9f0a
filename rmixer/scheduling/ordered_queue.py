"""The queue in every order that a policy asks for, kept up to date as jobs come and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rmixer.scheduling.sorted_by_key import SortedByKey
from rmixer.scheduling.view import JobView, Order


class OrderedQueue:
    """The jobs of ``queued``. Code that adds or removes one there must report it here."""

    def __init__(self, queued: Mapping[str, JobView]) -> None:
        self._queued = queued
        self._kept: dict[tuple[Order, str], SortedByKey[JobView]] = {}

    def in_order(self, order: Order, kind: str) -> Sequence[JobView]:
        """The jobs that can run on a device of ``kind``, by ``order``, then as submitted."""
        kept = self._kept.get((order, kind))
        if kept is None:
            able = (job for job in self._queued.values() if kind in job.costs)
            kept = SortedByKey(able, key=lambda job: (order(job, kind), job.order))
            self._kept[order, kind] = kept
        return kept

    def add(self, job: JobView) -> None:
        """Reports that ``job`` waits from now on."""
        for (_, kind), kept in self._kept.items():
            if kind in job.costs:
                kept.add(job)

    def remove(self, job: JobView) -> None:
        """Reports that ``job`` no longer waits."""
        for (_, kind), kept in self._kept.items():
            if kind in job.costs:
                kept.remove(job)
