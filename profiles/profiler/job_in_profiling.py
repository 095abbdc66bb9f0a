"""A job during profiling: the commands to its workers, and the results so far."""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from profiles.assembling.assemble import Found, assemble, event_costs
from profiles.assembling.disturbance import disturbed
from profiles.in_worker.tasks import IDLE_BYTES, SESSION
from profiles.machines.kept_waiting import MOST_WAITED
from profiles.measurements.neighbours import measure_neighbours
from profiles.measurements.phases import FIRST_STEPS, measure_phases
from profiles.measurements.quiet_rounds import (
    PROBE_FACTOR,
    block_means_s,
    blocks_needed,
    fastest_exchange_us,
    mean_s,
    quiet,
)
from profiles.measurements.rounds import BLOCK_S, Plan, Rounds
from profiles.profiler.crew import GPU, Crew, Staff
from profiles.profiler.duration import slow_step_seconds
from profiles.traces.counted_work import uncounted_in_words
from rmixer.errors import RunFailed
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile, StepCost
from rmixer.training.process import WorkerProcess
from rmixer.training.task_failure import OutOfMemory, as_failure
from rmixer.training.trained_job import WARMUP_STEPS
from rmixer.workload.workload import Job

_AGAIN = "profile it again (`--again`)"


class Subject:
    """``job`` with the workers of its ``staff``, one for each pass at each place. At a place, and
    in each pass, it is made :meth:`ready`, its rounds are taken, and it is :meth:`done`. After a
    failure it sends no more commands."""

    def __init__(
        self,
        job: Job,
        staff: Staff,
        machine: Machine,
        crew: Crew,
        plan: Plan,
        report: Callable[[str], None],
    ) -> None:
        self.job = job
        self._staff, self._machine, self._crew = staff, machine, crew
        self._plan, self._report = plan, report
        self._counts: list[Found] = []
        self._failure: RunFailed | None = None
        self._fits_gpu = True
        self._probe_s = 0.0
        with self._failing():
            self._probe_s = statistics.median(crew.bubbles.probe() for _ in range(9))

    def goes_on(self, device: str) -> bool:
        """True if there is still anything to measure on ``device``."""
        return self._failure is None and (device != GPU or self._fits_gpu)

    def ready(self, place: tuple[str, int], number: int) -> Rounds | None:
        """The rounds, still empty, of the worker of pass ``number`` at ``place``, in a session;
        None if it failed. Figures that are needed only once are measured by the first."""
        device, threads = place
        if not self.goes_on(device):
            return None
        if number == 0:
            self._counts.append(Found(threads, device))
        with self._failing():
            worker = self._crew.living(self._staff, place, number)
            return self._ready(worker, number, self._counts[-1])
        return None

    def _ready(self, worker: WorkerProcess, number: int, found: Found) -> Rounds:
        job = self.job
        if number == 0:
            found.idle_bytes = worker.call(IDLE_BYTES, device=found.device)
            known = any(each.kind == found.kind for each in self._counts[:-1])  # its memory
            found.phases = measure_phases(
                worker,
                self.job,
                found.device,
                partial(self._tell_if_slow, found.threads),
                WARMUP_STEPS if known else FIRST_STEPS,
            )
        arguments = {"job": job, "device": found.device, "block_s": BLOCK_S}
        found.ready = worker.ask("task", task=SESSION, arguments=arguments)
        bubbles = self._crew.bubbles.facing(worker.cores)
        return Rounds(worker, bubbles, self._plan, self._known_us(found), found.passes)

    def done(self, place: tuple[str, int], number: int, rounds: Rounds) -> None:
        """Stores the ``rounds`` of that worker, asks it for the rest, and ends it."""
        with self._failing():
            if rounds.failure:
                raise rounds.failure
            worker, found = self._staff[place][number], self._counts[-1]
            known_us = self._known_us(found)
            found.passes.append(rounds.taken)
            found.fastest_exchange_us = fastest_exchange_us(found.passes, known_us)
            self._crew.exchange_us[found.threads] = found.fastest_exchange_us
            if number == 0:
                self._ask_once(worker, found)
            worker.send("end")
            worker.close()

    def _ask_once(self, worker: WorkerProcess, found: Found) -> None:
        spare = len(self._machine.cores) - found.threads
        alone_s, sweep_s = mean_s(found.passes[0]), self._plan.sweep_seconds
        if self._plan.neighbours:
            bubbles = self._crew.bubbles.facing(worker.cores)
            found.neighbours = measure_neighbours(worker, bubbles, spare, alone_s, sweep_s)
        # At the end, for it leaves the heap in disorder.
        found.structure = worker.ask("structure")

    def _tell_if_slow(self, threads: int, step_s: float) -> None:
        spare = len(self._machine.cores) - threads
        if needed_s := slow_step_seconds(step_s, spare, self._plan):
            self._report(
                f"{self.job.model}, batch {self.job.batch}: a step takes {step_s:.1f} s, so with "
                f"{threads} thread(s) this takes about {needed_s:.0f} s more"
            )

    def _known_us(self, found: Found) -> float:
        return self._crew.exchange_us.get(found.threads, math.inf)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Turns any error into a failure of this job alone. A job that does not fit the GPU is
        profiled on the CPU alone."""
        try:
            yield
        except Exception as error:
            failure, device = as_failure(error), self._counts[-1].device if self._counts else "cpu"
            if device != GPU or not isinstance(failure, OutOfMemory):
                self._failure = _without_memory(self.job, failure)
                self._end_workers(self._staff)
                return
            job = self.job
            self._report(f"{job.model}, batch {job.batch}, does not fit the GPU: only on the CPU")
            self._counts = [found for found in self._counts if found.kind == "cpu"]
            self._fits_gpu = False
            self._end_workers(place for place in self._staff if place[0] == GPU)

    def _end_workers(self, places: Iterable[tuple[str, int]]) -> None:
        """Ends the workers, which would otherwise hold memory until all sizes together are done."""
        for place in places:
            for worker in self._staff[place]:
                worker.kill()

    def result(self) -> ModelProfile | RunFailed:
        """The profile, or the failure. Reports its problems."""
        counts, event_us = self._counts, self._crew.event_us
        try:
            if self._failure:
                raise self._failure
            profile = assemble(self.job, self._machine, counts, self._probe_s, event_us)
            profile = replace(profile, does_not_fit=() if self._fits_gpu else ("gpu",))
        except Exception as error:
            return as_failure(error)
        for kind, known in event_us.items():
            known.extend(event_costs(counts, kind))
        wrong = [
            words
            for found, step in zip(counts, profile.steps, strict=True)
            for words in self._wrong_with(found, step)
        ]
        if words := uncounted_in_words(counts[0].structure["calls"], profile.operators):
            wrong.append(words)
        if lost := [loss for f in counts if not math.isfinite(loss := f.structure["loss"])]:
            wrong.append(f"its loss became {lost[0]}: the times are right, but it does not learn")
        for words in wrong:
            self._report(f"{self.job.model}, batch {self.job.batch}: {words}")
        return profile

    def _wrong_with(self, found: Found, step: StepCost) -> Iterator[str]:
        if words := _others_had_its_cores(found, step):
            yield f"{words}: end other programs on this machine, and {_AGAIN}"
            return  # the rest comes from that
        if step.exchange_us > PROBE_FACTOR * found.fastest_exchange_us:
            yield _far_apart(found, step)
        if words := disturbed(step):
            yield f"{words}: the machine was disturbed; {_AGAIN}"
        if words := _too_noisy(found, step, self._plan):
            yield words


def _others_had_its_cores(found: Found, step: StepCost) -> str:
    """A warning if other programs used this worker's cores for over 5% of the time; "" if not."""
    assert step.measurement is not None
    if step.measurement.waited > MOST_WAITED:
        return disturbed(step)
    if all(any(each.waited <= MOST_WAITED for each in rounds) for rounds in found.passes):
        return ""
    where = f"with {step.threads} thread(s)"
    return f"{where} other programs used the cores of one of its two workers; it is left out"


def _far_apart(found: Found, step: StepCost) -> str:
    """A warning that the cores exchanged data more slowly than they can."""
    ratio = step.exchange_us / found.fastest_exchange_us
    return (
        f"with {step.threads} threads the cores of this machine exchanged data {ratio:.1f} times "
        "as slowly as they can (a virtual machine moves its cores), which makes steps longer; "
        f"{_AGAIN}"
    )


def _without_memory(job: Job, failure: RunFailed) -> RunFailed:
    """``failure``, shortened to a line if the system refused memory, for example by a limit on
    addresses that is not a control group's."""
    if not isinstance(failure, OutOfMemory):
        return failure
    asked = f"{failure.asked_bytes / (1 << 30):.1f} GiB" if failure.asked_bytes else "memory"
    return RunFailed(
        f"{job.model}, batch {job.batch}: the system refused it {asked} more "
        "(limits: `ulimit -a`); a smaller batch or `rows_cap` needs less"
    )


def _too_noisy(found: Found, step: StepCost, plan: Plan) -> str:
    """Says in words how imprecise a measured step is, and how to measure it better; "" if it is
    precise enough."""
    assert step.measurement is not None
    noise = step.measurement.half_width
    if noise <= plan.precision:
        return ""
    means = block_means_s(quiet(found.passes, found.fastest_exchange_us))
    rounds_s = sum(each.seconds for rounds in found.passes for each in rounds)
    each_s = rounds_s / len(means)  # with the time of rounds that do not count
    needed_s = blocks_needed(means, plan.precision) * each_s / len(found.passes)
    longer_s = max(math.ceil(needed_s), math.floor(plan.seconds) + 1)
    return (
        f"this machine is noisy: the mean step with {step.threads} thread(s) is known within "
        f"{noise:.2%}, not {plan.precision:.2%}, after {rounds_s:.0f} s; that would "
        f"take about {longer_s * len(found.passes):.0f} s (`--seconds {longer_s}`)"
    )
