"""A command job's program while it runs: its phases and steps as they come, and its end."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from math import inf
from pathlib import Path
from typing import Any

from executor.workers.program_failures import LINES, failure_of_program, with_lines
from executor.workers.workers import (
    Event,
    JobEnded,
    JobFailed,
    NoStepYet,
    PhaseBegan,
    Resumed,
    StepsMade,
    TrainingOrder,
)
from profiles.programs.command_run import no_step_in_words
from profiles.programs.left_behind import end_left_behind
from rmixer.errors import RunFailed
from rmixer.hardware.machine import gpu_number
from rmixer.training.command_process import CommandProcess, Surroundings
from rmixer.training.live_steps import LiveSteps
from rmixer.training.trained_job import WARMUP_STEPS

INTERRUPT_GRACE_S, TERMINATE_GRACE_S, LEFT_GRACE_S = 15.0, 3.0, 1.0
"""Time that a program has to end in order: after SIGINT, then after SIGTERM. The last is the time
of the processes that it started, after its own end."""
FIRST_SAMPLE_S, SAMPLE_EVERY_S, SAMPLE_GROWTH = 0.1, 2.0, 0.2
"""Its memory is looked at soon after its start and ever less often."""


class Program:
    """The started program of ``order``. Its output goes to ``log``, its step events to
    ``steps_file``. Raises OSError if its folder is gone."""

    def __init__(
        self, order: TrainingOrder, log: Path, steps_file: Path, shares_cores: bool
    ) -> None:
        job = order.job
        assert job.command is not None
        self.order, self.steps_file = order, steps_file
        goes_on = job.resume is not None and order.steps_made > 0
        command = job.resume if goes_on and job.resume is not None else job.command
        end_left_behind(steps_file)  # by a supervisor that was killed
        steps_file.parent.mkdir(parents=True, exist_ok=True)
        steps_file.unlink(missing_ok=True)
        self._process = CommandProcess(
            command,
            Surroundings(order.cores, steps_file, shares_cores, gpu_number(order.place[0]) or 0),
            log,
        )
        self._to_ours_s = time.perf_counter() - time.monotonic()
        self._steps = LiveSteps(steps_file)
        self._before = order.steps_made if goes_on else 0
        self._first_ends: list[float] = []
        self._silent_until_s = self._process.started_s + order.first_step_s
        self._asked_s: float | None = None
        self._ended_s: float | None = None
        self._signals = [signal.SIGINT, signal.SIGTERM]
        self._sampled_s = self._process.started_s
        self._peak_next_s = FIRST_SAMPLE_S
        self.waitable: int | None = None
        """A descriptor that becomes readable once the program has ended; None if the system has
        none."""
        with contextlib.suppress(OSError, AttributeError):
            self.waitable = os.pidfd_open(self._process.pid)

    @property
    def has_ended(self) -> bool:
        """True if its first process has ended. Processes that it started may still run."""
        return self._ended_s is not None

    @property
    def pid(self) -> int:
        """The operating system's id of its first process."""
        return self._process.pid

    def began(self) -> list[Event]:
        """The events of its start."""
        place, at_s = self.order.place, self._process.started_s + self._to_ours_s
        begins: list[Event] = [PhaseBegan(place, at_s, "build")]
        return [Resumed(place, at_s, self._before, ()), *begins] if self._before else begins

    def ask_to_stop(self) -> None:
        """Interrupts it as Ctrl-C does. If it goes on, :meth:`look` terminates it, and at last
        kills it."""
        if self._asked_s is None:
            self._asked_s = time.monotonic()
            self._process.signal(self._signals.pop(0))

    def look(self) -> tuple[list[Event], bool]:
        """The events since the last call, and True if the program is over."""
        now_s = time.monotonic()
        if now_s - self._sampled_s >= self._peak_next_s:
            self._process.tree.sample()
            self._sampled_s = now_s
            self._peak_next_s = min(SAMPLE_EVERY_S, self._peak_next_s * (1 + SAMPLE_GROWTH))
        has_ended = self._process.has_ended
        events = self._new_steps(has_ended)
        if has_ended:
            self._ended_s = self._ended_s or now_s
            left = self._process.tree.has_descendants and now_s < self._ended_s + LEFT_GRACE_S
            if not left:
                return [*events, self._end()], True
        else:
            self._press(now_s)
        if now_s >= self._silent_until_s and not self._steps.told:
            self._silent_until_s = inf  # it is told once
            ran_s = now_s - self._process.started_s
            text = no_step_in_words(ran_s, self._steps.backward_passes)
            events.append(NoStepYet(self.order.place, now_s + self._to_ours_s, text))
        return events, False

    def kill(self, why: RunFailed | None = None) -> list[Event]:
        """Ends it at once, with all that it started. It fails because of ``why``."""
        self._finish()
        events = self._new_steps(True)
        return events if why is None else [*events, self.failed(why)]

    def failed(self, why: RunFailed) -> Event:
        """The event that it has failed because of ``why``."""
        failure = with_lines(why, self._process.last_lines(LINES))
        return JobFailed(self.order.place, time.perf_counter(), failure)

    def strike(self) -> None:
        """Kills it; its end is noticed like any other. Any thread may call this."""
        self._process.signal(signal.SIGKILL)

    def _press(self, now_s: float) -> None:
        """After it was asked to stop, sends a stronger signal when its time is over."""
        if self._asked_s is None:
            return
        if self._signals and now_s >= self._asked_s + INTERRUPT_GRACE_S:
            self._process.signal(self._signals.pop(0))
        elif now_s >= self._asked_s + INTERRUPT_GRACE_S + TERMINATE_GRACE_S:
            self._process.kill()

    def _new_steps(self, is_last: bool) -> list[Event]:
        """New steps, and the phases that they begin and end. The build phase ends where the first
        step began. No event marks that; the first step is taken to be as long as the second."""
        ends_s = [end_s + self._to_ours_s for end_s in self._steps.new_ends(is_last)]
        place, first, known = self.order.place, self._first_ends, len(self._first_ends)
        first += ends_s[: WARMUP_STEPS + 1 - known]
        events: list[Event] = []
        if known < 2 and (len(first) >= 2 or (first and is_last)):
            step_s = first[1] - first[0] if len(first) > 1 else 0.0
            started_s = self._process.started_s + self._to_ours_s
            events.append(PhaseBegan(place, max(started_s, first[0] - step_s), "warmup"))
        if known <= WARMUP_STEPS < len(first):
            events.append(PhaseBegan(place, first[WARMUP_STEPS - 1], "train"))
        if ends_s:
            events.append(StepsMade(place, ends_s[-1], tuple(ends_s)))
        return events

    def _end(self) -> Event:
        self._finish()
        place, at_s, process = self.order.place, time.perf_counter(), self._process
        code, steps = process.exit_code, self._before + self._steps.told
        job = self.order.job
        is_whole = code == 0 and job.steps_from == "said" and steps >= job.steps
        interrupted = self._asked_s is not None and not is_whole
        if code and not interrupted:
            lines = process.last_lines(LINES)
            memory = process.memory_in_words()
            failure = failure_of_program(process.epitaph(), code < 0, memory, lines)
            return JobFailed(place, at_s, failure)
        answer: dict[str, Any] = {"interrupted": interrupted}
        if peak_bytes := process.tree.peak_bytes:
            answer["peak_bytes"] = peak_bytes
        if not interrupted and (remark := _remark(self.order, steps)):
            answer["remark"] = remark
        return JobEnded(place, at_s, answer)

    def _finish(self) -> None:
        self._process.kill()
        end_left_behind(self.steps_file)
        self._process.finish_log()
        if self.waitable is not None:
            os.close(self.waitable)
            self.waitable = None


def _remark(order: TrainingOrder, steps: int) -> str | None:
    job = order.job
    if steps == 0:
        return (
            "it ended without a step (by a torch optimizer or rmixer.step()): let it call "
            "rmixer.step() once a step"
        )
    if job.steps_from == "supposed":
        return f"it made {steps} steps; later runs know this number"
    if steps != job.steps:
        known = "its workload says" if job.steps_from == "said" else "it made before"
        return f"it ended after {steps} steps, {known} {job.steps}"
    return None
