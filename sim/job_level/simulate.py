"""The job level: runs a workload under a policy on a simulated clock, with the bookkeeping of a
real run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Literal

from simpy import Environment, Event, Timeout

from rmixer.run_record.run_summary import RunSummary
from rmixer.run_record.timeline import Interval, Row, Timeline
from rmixer.scheduling.admission import check_memory
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.cluster import Cluster
from rmixer.scheduling.layout import Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.problem import Problem, ProfiledJob
from rmixer.scheduling.step_times import Member, StepTimes
from sim.clock.instants import DECIDE, Once, timeout_until, whole_nanoseconds
from sim.clock.progress import AloneProgress, MixProgress, Progress, Running
from sim.demand.resident import device_kind, solo_unit_s
from sim.job_level.phases import phases_of
from sim.job_level.recorder import Recorder
from sim.job_level.simulated_summary import summarise
from sim.operator_level.operator_level import OperatorLevel
from sim.simple_step_times.mean_demand import MeanDemand
from sim.simple_step_times.uncontended import Uncontended

TRANSIENT_SHARE = 0.05
CLEARLY = 2.0
Level = Literal["auto", "job", "operator"]
_member = lru_cache(maxsize=4096)(Member)
"""Equal members are one object: mixes are looked up at every event, and compared by them."""


@dataclass(frozen=True)
class SimulatedRun:
    """The predicted run. ``transient_fraction`` is the share of the makespan in which a job with
    neighbours does fewer than 20 steps before the mix changes."""

    rows: Sequence[Row]
    summary: RunSummary
    bookings: tuple[Booking, ...]
    transient_fraction: float

    @cached_property
    def timeline(self) -> Timeline:
        """The timeline, built from ``rows`` only when it is asked for: a search does not need
        it."""
        return Timeline(map(Interval._make, self.rows))


def simulate(
    problem: Problem,
    policy: Policy,
    layout: Layout,
    step_times: StepTimes,
    run: str = "predicted",
    level: Level = "auto",
) -> SimulatedRun:
    """Runs the workload of ``problem`` by ``policy`` on the slots of ``layout``.

    Level ``job`` advances each phase by its time in the present mix, which ``step_times`` gives.
    Level ``operator`` walks every step of every job over the machine's lanes and ignores
    ``step_times``. Level ``auto`` is ``job``; it is ``operator`` if transients exceed 5% of the
    makespan and ``step_times`` is an :class:`OperatorLevel`. If rough step times already show twice
    as much, no mix is solved first. Workers are warm: their start-up is in ``summary.startup_s``,
    not in the timeline. Raises :class:`InputError` for a layout that the machine does not have and
    for a job without figures or that fits no device, and :class:`rmixer.errors.RunFailed` for a
    policy that leaves jobs waiting for ever.
    """
    machine, profiles = problem.machine, problem.profiles
    layout.check(machine, f"layout of {policy.origin}")
    check_memory(problem, layout)

    def by_level(progress: Callable[[Environment], Progress], name: str) -> SimulatedRun:
        env = Environment()
        clock = _Clock(env, problem, policy, layout, step_times)
        recorder = clock.go(progress(env), run)
        bookings = tuple(clock.bookings)
        return SimulatedRun(
            rows=recorder.rows,
            summary=replace(
                summarise(problem, layout, policy.origin, recorder, bookings), level=name
            ),
            bookings=bookings,
            transient_fraction=recorder.transient_fraction,
        )

    def walked() -> SimulatedRun:
        return by_level(lambda env: whole_walk(env, problem, layout), "operator")

    def by_mixes(times: StepTimes) -> SimulatedRun:
        progress = AloneProgress if isinstance(times, Uncontended) else MixProgress
        name = "rough" if isinstance(times, MeanDemand) else "job"
        return by_level(lambda env: progress(env, times), name)

    if level == "operator":
        return walked()
    if level == "job" or not isinstance(step_times, OperatorLevel):
        return by_mixes(step_times)
    rough = by_mixes(MeanDemand(profiles, machine))
    if rough.transient_fraction > CLEARLY * TRANSIENT_SHARE:
        return walked()
    simulated = by_mixes(step_times)
    return simulated if simulated.transient_fraction <= TRANSIENT_SHARE else walked()


def whole_walk(env: Environment, problem: Problem, layout: Layout) -> Progress:
    """Progress by walking each phase step by step."""
    from sim.operator_level.whole_walk import CompiledWalkProgress  # here: it imports numba

    return CompiledWalkProgress(env, problem.profiles, problem.machine, layout)


class _Clock:
    """Arrivals, decisions and the jobs' phases on SimPy's clock."""

    reads_memory = False

    def __init__(
        self,
        env: Environment,
        problem: Problem,
        policy: Policy,
        layout: Layout,
        step_times: StepTimes,
    ) -> None:
        self._env, self._policy = env, policy
        self._cluster = Cluster(problem.machine, layout, step_times, readings=self)
        self._cluster.expect(problem.jobs)
        self._made: dict[str, Callable[[], float]] = {}
        self._jobs = problem.by_id
        # Of a table of durations nobody knows what company does.
        self._in_company = all(each.profile.origin != "table" for each in problem.jobs)
        self._to_come = self._to_end = len(problem.jobs)
        self._finished = env.event()
        self._decision = Once(env, DECIDE, self._decide)
        self.bookings: list[Booking] = []

    def go(self, progress: Progress, run: str) -> Recorder:
        """Run to the end of the last job."""
        self._progress = progress
        self._recorder = Recorder(self._env, run, in_company=self._in_company)
        # The sort is stable: jobs that arrive together keep the order of submission.
        for each in sorted(self._jobs.values(), key=lambda each: each.job.arrival_s):
            arrival = Timeout(self._env, each.job.arrival_s)
            arrival.callbacks.append(partial(self._arrive, each))  # type: ignore[union-attr]
        self._env.run(until=self._finished)
        self._recorder.close()
        return self._recorder

    def steps_made(self, job: str) -> float:
        """See :class:`rmixer.scheduling.readings.Readings`."""
        return self._made[job]() if job in self._made else 0.0  # it starts at this instant

    def measured_bytes(self, device: str) -> int | None:
        """Returns None: a simulation measures no memory."""
        return None

    def others_bytes(self, device: str) -> int | None:
        """Returns None: a simulation has no other programs."""
        return None

    def _arrive(self, each: ProfiledJob, _: Event) -> None:
        self._cluster.submit(each.job, each.key, each.costs)
        self._to_come -= 1
        self._decision.ask()

    def _decide(self) -> None:
        bookings = self._cluster.decide(self._policy, self._env.now)
        again_s = self._cluster.ask_again_s(self._policy, self._env.now)
        self._cluster.check_progress(more_to_come=self._to_come > 0 or again_s is not None)
        self.bookings += bookings
        for booking in bookings:
            self._go_on(self._run_job(self._jobs[booking.job], booking))
        if again_s is not None:
            self._go_on(self._ask_again(again_s))

    def _ask_again(self, after_s: float) -> Iterator[Event]:
        # On the grid that jobs may end on: of two things at one time, none is first by rounding.
        at_s = whole_nanoseconds(self._env.now + after_s)
        later = at_s > self._env.now
        yield timeout_until(self._env, at_s) if later else self._env.timeout(after_s)
        self._decision.ask()

    def _go_on(self, process: Iterator[Event]) -> None:
        """Runs ``process`` to the next event that it waits for, and on from there. SimPy's own
        processes do the same with two more events."""
        if (event := next(process, None)) is not None:
            event.callbacks.append(lambda _: self._go_on(process))  # type: ignore[union-attr]

    def _run_job(self, each: ProfiledJob, booking: Booking) -> Iterator[Event]:
        job, profile, device = each.job, each.profile, booking.devices[0]
        cost = profile.step(device_kind(device), len(booking.cores))
        self._recorder.queued(job, booking)
        made = 0
        for phase, amount, steps in phases_of(each, cost):
            if amount <= 0 or solo_unit_s(cost, phase) <= 0:
                continue
            place = (device, booking.cores, booking.placement, booking.sharing)
            member = _member(each.key, phase, *place)
            running = self._progress.begin(member, amount)
            self._recorder.begin(job, booking, member, running, steps)
            self._made[job.id] = _steps_made(made, running, steps / amount)
            yield running.done
            self._recorder.end(job.id)
            made += steps
        self._cluster.finish(job.id)
        self._to_end -= 1
        if self._to_end:
            self._decision.ask()
        else:
            self._finished.succeed()


def _steps_made(before: int, running: Running, steps_per_unit: float) -> Callable[[], float]:
    """Returns a function that counts the ``before`` steps of earlier phases and those of the phase
    that runs now."""
    return lambda: before + steps_per_unit * running.made()
