"""Records of a run that nobody made: jobs of 1000 steps of 10 ms, on two slots of one CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from executor.journal.journal import StepsMade
from executor.journal.transitions import Transition
from executor.records.known_job import written
from executor.records.run_records import RunRecords
from executor.records.supervising_process import SupervisingProcess
from executor.supervision.execution import Execution
from rmixer.files.typed_files import plain
from rmixer.policies import Policy, make_policy
from rmixer.policies.baselines.planned import Planned
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.booking import Booking
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.problem import problem_of
from rmixer.scheduling.schedule import Schedule, ScheduledJob, Settings
from rmixer.testing.made_up import make_job, make_machine, make_profile, make_step
from rmixer.workload.workload import Job, Workload

STEPS, STEP_S, BEFORE_S, AFTER_S = 1000, 0.010, 2.0, 1.0
LAYOUT = Layout((DeviceSlots("cpu:0", 2, 1),))
STEP = make_step(
    mean_us=STEP_S * 1e6, build_s=BEFORE_S / 2, warmup_s=BEFORE_S / 2, evaluate_s=AFTER_S
)
PROFILE = make_profile(steps=[STEP], peak_bytes=1 << 20, warmup_steps=3)
WARM = PROFILE.warmup_steps
WHOLE_S = BEFORE_S + (STEPS - WARM) * STEP_S + AFTER_S
"""A job from build to save, at the pace of its profile."""


def jobs(*names: str, **changes: Any) -> list[Job]:
    return [make_job(name, steps=STEPS, **changes) for name in names]


def schedule(*rows: tuple[str, int]) -> Schedule:
    """One of ``(job, slot)``, in this order."""
    dispatches = tuple(
        ScheduledJob(order, 0, job, ("cpu:0",), slot, 1, "device", "process")
        for order, (job, slot) in enumerate(rows)
    )
    return Schedule("", "made-up", "dySequ", Settings(0, LAYOUT), dispatches)


class MadeUp:
    """A run of ``queue`` by ``plan`` or by a policy that decides as it goes."""

    def __init__(
        self,
        queue: Sequence[Job],
        plan: Schedule | None = None,
        predicted: RunSummary | None = None,
    ) -> None:
        profiles = {PROFILE.key: PROFILE}
        problem = problem_of(Workload("made-up", 0, tuple(queue)), make_machine(), profiles)
        policy: Policy = make_policy("dySequ") if plan is None else Planned(plan)
        execution = Execution(problem, policy, LAYOUT, Path(), predicted=predicted)
        self.records = RunRecords()
        self._order = 0
        process = plain(SupervisingProcess.this())
        self.happens("opened", 0.0, process=process, plan=plain(execution.plan))
        self.happens("added", 0.0, **written(problem.jobs, late=False))
        self.happens("warmed", 0.0)

    def happens(self, kind: Any, at_s: float, job: str = "", **detail: Any) -> None:
        record = self.records.last(job)
        attempt = record.booking.attempt if record else 0
        self.records.apply(Transition(kind, at_s, job, attempt, detail))

    def starts(self, job: str, slot: int, at_s: float) -> None:
        """It is dispatched, and trains since it was built and warmed up."""
        record = self.records.last(job)
        attempt = 1 if record is None else record.booking.attempt + 1
        booking = Booking(
            self._order, job, ("cpu:0",), slot, (slot,), "device", "", attempt, booked_bytes=0
        )
        self._order += 1
        self.happens("submitted", at_s, job)
        self.happens("dispatched", at_s, job, booking=plain(booking))
        self.happens("phase", at_s, job, phase="build")
        self.happens("phase", at_s + BEFORE_S / 2, job, phase="warmup")

    def trains(self, job: str, since_s: float, steps: int, step_s: float) -> float:
        """It makes so many steps after its warm-up; returns when the last has ended."""
        self.happens("phase", since_s, job, phase="train")
        ends = [since_s + step_s * (number + 1) for number in range(steps)]
        record = self.records.last(job)
        assert record is not None
        made = [since_s] * WARM + ends
        self.records.add_steps(StepsMade(job, record.booking.attempt, made, 0.5))
        return ends[-1]
