"""Profiles cost identities on this machine: the places, order and repeats of measurements.

Batch sizes of a model are measured together. The figures that are compared, and predicted from, are
then of the same minutes. This matters more than the precision of each, because a shared machine is
faster in one minute than in the next.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from profiles.assembling.job_type import check_gpus
from profiles.machines.kept_waiting import taken_in_words
from profiles.machines.limits import free_memory_bytes
from profiles.measurements.rounds import Plan, measure_in_turn
from profiles.memory.memory_prediction import predict_memory
from profiles.profiler.crew import PASSES, Crew
from profiles.profiler.door import IDLE_BYTES
from profiles.profiler.job_in_profiling import Subject
from rmixer.errors import InputError, RunFailed
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.workload.workload import Job

Parts = tuple[tuple[Job, ...], ...]
"""Sizes of one model that are measured together, in parts whose sizes are held at once."""
MOST_TOGETHER = 8
SHARE = 0.8
"""The share of the free memory that they may fill."""


def sizes_together(jobs: Sequence[Job], workers: int, free_bytes: int) -> Iterator[Parts]:
    """``jobs`` in their order; consecutive ones that differ only in their batch are together, with
    ``workers`` each that have started, one of which holds the job while it is measured. A part has
    as many as ``free_bytes`` can hold."""
    for _, alike in groupby(jobs, key=lambda job: replace(job, batch=1).identity.key):
        sizes = tuple(alike)
        together, at_once = _at_most(sizes, workers * IDLE_BYTES, int(SHARE * free_bytes))
        for group in _split(sizes, together):
            yield tuple(_split(group, at_once))


def _split(sizes: tuple[Job, ...], at_most: int) -> Iterator[tuple[Job, ...]]:
    for first in range(0, len(sizes), at_most):
        yield sizes[first : first + at_most]


def _at_most(sizes: Sequence[Job], idle_bytes: int, free_bytes: int) -> tuple[int, int]:
    """The number that are together, each with ``idle_bytes`` of workers, and the number held at
    once."""
    largest = max(sizes, key=lambda job: job.batch)
    if len(sizes) == 1 or not largest.in_registry:
        return 1, 1
    try:
        held_bytes = predict_memory(largest).grown_bytes
    except InputError:  # not even its input fits: it will fail by itself
        return 1, 1
    together = min(MOST_TOGETHER, len(sizes), (free_bytes - held_bytes) // idle_bytes)
    at_once = (free_bytes - max(1, together) * idle_bytes) // held_bytes
    return max(1, together), max(1, at_once)


def profile_jobs(
    jobs: Sequence[Job],
    machine: Machine,
    threads: Sequence[int],
    plan: Plan | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> Iterator[ModelProfile | RunFailed]:
    """Yields the profile of each job's cost identity on this machine, at each count of ``threads``:
    on its CPU and, if there are GPUs, on the first of them, unless it does not fit there. A job
    that fails gives its failure instead, and those after it are still profiled.

    Each count is measured twice, in a new worker each time, on other cores if there are more: the
    difference of the two is the profile's ``repeatability``. Consecutive batch sizes of one model
    are measured together: a round of each in turn if the memory holds them, else part by part, and
    the second workers in the opposite order. ``report`` gets a line if other programs have the
    cores, if the machine was too noisy for the precision that ``plan`` wants, or if its cores
    exchanged data slowly all the time.
    """
    plan = plan or Plan()
    check_gpus(machine)
    left = len(jobs)
    with Crew(machine, threads) as crew:
        if words := taken_in_words(crew.bubbles.taken()):
            report(words)
        for parts in sizes_together(jobs, crew.workers, free_memory_bytes()):
            with contextlib.ExitStack() as ending:
                subjects: list[list[Subject]] = []
                for part in parts:
                    subjects.append([])
                    for job in part:
                        staff = ending.enter_context(crew.fresh(left))
                        subjects[-1].append(Subject(job, staff, machine, crew, plan, report))
                        left -= 1
                _measure(subjects, crew, report)
                results = [subject.result() for part in subjects for subject in part]
            yield from results


def _measure(parts: Sequence[Sequence[Subject]], crew: Crew, report: Callable[[str], None]) -> None:
    """Measures all subjects, place by place; on a GPU, whose memory may not hold several, one after
    the other. The second pass is in the opposite order, so that a drift of the machine affects all
    equally."""
    for device, threads in crew.places:
        left = [[each for each in part if each.goes_on(device)] for part in parts]
        everyone = [subject for part in left for subject in part]
        if device != "cpu":
            left = [[subject] for subject in everyone]
        if everyone:
            batches = ", ".join(str(subject.job.batch) for subject in everyone)
            where = "" if device == "cpu" else ", on the GPU"
            report(f"{everyone[0].job.model}, batch {batches}, {threads} thread(s){where}")
        for number in range(PASSES):
            for part in left if number % 2 == 0 else reversed(left):
                begun = [(subject, subject.ready((device, threads), number)) for subject in part]
                ready = [(subject, rounds) for subject, rounds in begun if rounds]
                measure_in_turn([rounds for _, rounds in ready])
                for subject, rounds in ready:
                    subject.done((device, threads), number, rounds)
