"""Profiles cost identities on this machine: the places, order and repeats of measurements."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from profiles.assembling.job_type import check_gpus
from profiles.machines.kept_waiting import taken_in_words
from profiles.machines.limits import free_memory_bytes
from profiles.measurements.rounds import Plan, measure_in_turn
from profiles.profiler.crew import PASSES, Crew
from profiles.profiler.job_in_profiling import Subject
from profiles.profiler.sizes_together import sizes_together
from rmixer.errors import RunFailed
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.workload.workload import Job


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
                _one_pass(part, (device, threads), number)


def _one_pass(subjects: Sequence[Subject], place: tuple[str, int], number: int) -> None:
    begun = [(subject, subject.ready(place, number)) for subject in subjects]
    ready = [(subject, rounds) for subject, rounds in begun if rounds]
    measure_in_turn([rounds for _, rounds in ready])
    for subject, rounds in ready:
        subject.done(place, number, rounds)
