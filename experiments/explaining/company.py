"""Finds which jobs slow which others in a predicted schedule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rmixer.run_record.run_summary import RunSummary
from rmixer.run_record.timeline import Interval, Timeline
from rmixer.scheduling.problem import Problem
from sim.demand.resident import device_kind

LEAST_STEPS, LEAST_SHARE = 20.0, 0.01
"""A stretch counts from this many steps and this share of the makespan on."""
_INSTANT_S = 1e-8


@dataclass(frozen=True)
class Beside:
    """The number of jobs of one ``model`` in one ``phase`` on a ``device``."""

    model: str
    phase: str
    device: str
    jobs: int


@dataclass(frozen=True)
class Slowed:
    """A stretch of ``seconds`` in which a step of ``job`` takes ``company_ms`` instead of
    ``alone_ms``, because the jobs in ``beside`` run at the same time."""

    job: str
    device: str
    alone_ms: float
    company_ms: float
    seconds: float
    beside: tuple[Beside, ...]

    @property
    def factor(self) -> float:
        """The step time in units of the step alone."""
        return self.company_ms / self.alone_ms


@dataclass(frozen=True)
class Company:
    """The cost of co-running jobs. ``worst`` is the stretch in which a job is slowed most (None: no
    job is slowed). Training takes ``lost_s`` of all jobs' ``trained_s`` longer than alone; the last
    fields are the job that loses most, and its seconds."""

    worst: Slowed | None
    lost_s: float
    trained_s: float
    most_lost: str | None
    most_lost_s: float


def company_of(problem: Problem, timeline: Timeline, summary: RunSummary) -> Company:
    """The cost of co-running jobs in the simulated run of ``timeline`` and ``summary``. For the
    worst, short stretches count only if there are no longer ones: they are ends and starts."""
    rows = [each for each in timeline if each.kind != "queued" and each.duration_s > 0]
    threads = {job.id: job.threads for job in summary.jobs}
    lost_s: dict[str, float] = {}
    trained_s = 0.0
    slowed: list[tuple[float, Interval, float]] = []
    for row in rows:
        if row.kind != "train" or row.steps <= 0:
            continue
        cost = problem.by_id[row.job].profile.step(device_kind(row.device), threads[row.job])
        alone_s = cost.expected_us * 1e-6
        trained_s += row.duration_s
        lost_s[row.job] = lost_s.get(row.job, 0.0) + row.duration_s - row.steps * alone_s
        slowed.append((row.duration_s / row.steps / alone_s, row, alone_s))
    long_s = LEAST_SHARE * summary.makespan_s
    lasting = [s for s in slowed if s[1].steps >= LEAST_STEPS and s[1].duration_s >= long_s]
    worst = max(lasting or slowed, key=lambda each: each[0], default=None)
    most = max(lost_s, key=lambda job: lost_s[job], default=None)
    if worst is None or most is None or worst[0] < 1 + 1e-6:
        return Company(None, 0.0, trained_s, None, 0.0)
    found = _slowed(problem, rows, worst[1], worst[2])
    return Company(found, sum(lost_s.values()), trained_s, most, lost_s[most])


def _slowed(problem: Problem, rows: Sequence[Interval], row: Interval, alone_s: float) -> Slowed:
    others = [
        each
        for each in rows
        if each.job != row.job
        and each.start_s < row.end_s - _INSTANT_S
        and each.end_s > row.start_s + _INSTANT_S
    ]
    return Slowed(
        row.job,
        row.device,
        alone_s * 1e3,
        row.duration_s / row.steps * 1e3,
        row.duration_s,
        _beside(problem, others, row.device),
    )


def _beside(problem: Problem, others: Iterable[Interval], device: str) -> tuple[Beside, ...]:
    """The other jobs by model, phase and device; those on ``device`` come first."""
    places = {each.job: (each.kind, each.device) for each in others}
    groups = Counter(
        (problem.by_id[job].job.label, *place) for job, place in sorted(places.items())
    )
    ordered = sorted(groups.items(), key=lambda item: (item[0][2] != device, item[0][2], -item[1]))
    return tuple(Beside(*group, count) for group, count in ordered)
