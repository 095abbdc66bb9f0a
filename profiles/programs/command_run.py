"""One run of a command job's program: alone, and with bubbles that come and go meanwhile.

A program cannot be told to wait for a block to begin. So blocks are stretches of the clock, and the
steps of a block are those that lie wholly inside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from profiles.machines.bubble import Bubbles, Work
from profiles.machines.gpu_meter import GpuMeter
from profiles.measurements.neighbours import REFERENCE_S, WORKS, Neighbours, bubble_levels, pressure
from profiles.measurements.rounds import Plan
from rmixer.errors import RunFailed
from rmixer.model_profile.step_statistics import step_statistics
from rmixer.step_hook.sitecustomize import MOST_PASSES
from rmixer.training.command_process import CommandProcess

ROUNDS = 5
FIRST_STEPS = 4
SETTLING_SHARE = 0.25
LEAST_BLOCK_S, LEAST_BLOCK_STEPS = 0.25, 3.0
LONGER_S = 0.2
HANGING_SHARE, HANGING_STEPS = 0.5, 10.0
SILENT_S, TELLING_PASSES = 30.0, 20
"""A program without a step for this long, or for this many backward passes, is reported."""


@dataclass(frozen=True)
class Block:
    """A stretch of the clock, from ``begin_s`` to ``end_s``. ``core_s`` and ``gpu_s`` are the
    program's use in it (``gpu_s`` None: unknown); ``beside`` is the kind and number of the
    bubbles (None: alone)."""

    round: int
    begin_s: float
    end_s: float
    beside: tuple[Work, int] | None = None
    core_s: float = 0.0
    gpu_s: float | None = None

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end_s - self.begin_s


@dataclass
class CommandRun:
    """The result of a run: its start and the ends of its steps, by one clock, its blocks, and the
    pressure on a stream, a value of each round. ``gpu_bytes`` is None without a meter."""

    threads: int
    started_s: float
    ends_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    blocks: list[Block] = field(default_factory=list)
    pressures: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    gpu_bytes: int | None = None

    def steps_in(self, block: Block) -> NDArray[np.float64]:
        """Durations in seconds of the steps that lie wholly inside ``block``."""
        inside = (self.ends_s >= block.begin_s) & (self.ends_s <= block.end_s)
        durations: NDArray[np.float64] = np.diff(self.ends_s[inside])
        return durations

    def alone(self) -> list[NDArray[np.float64]]:
        """The steps of each block alone that holds one."""
        blocks = (self.steps_in(block) for block in self.blocks if block.beside is None)
        return [steps for steps in blocks if steps.size]

    def neighbours(self) -> Neighbours:
        """Its figures with bubbles: the mean step of each block against that alone in the same
        round."""
        found = Neighbours(pressures=self.pressures)
        for block in self.blocks:
            beside_steps = self.steps_in(block)
            before = [
                self.steps_in(one)
                for one in self.blocks
                if one.round == block.round and one.beside is None
            ]
            alone_steps = np.concatenate(before)
            if block.beside is None or not beside_steps.size or not alone_steps.size:
                continue
            ratio = step_statistics(beside_steps).mean_s / step_statistics(alone_steps).mean_s
            found.ratios.setdefault(block.beside, []).append(ratio)
        return found


@dataclass(frozen=True)
class WatchedProgram:
    """The ``process`` of a program, its GPU's meter, and the bubbles that come and go on the
    ``spare`` cores from 0. ``report`` takes messages for people."""

    process: CommandProcess
    bubbles: Bubbles
    spare: int
    meter: GpuMeter | None
    report: Callable[[str], None] = lambda text: None

    def let_pass(self, seconds: float) -> None:
        """Lets it run for ``seconds``. Raises :class:`RunFailed` if it ends meanwhile."""
        process = self.process
        if not process.wait(seconds):
            steps, ran_s = len(process.step_ends()), time.monotonic() - process.started_s
            to_do = (
                "" if process.exit_code else " (let it make more steps, or give less `--seconds`)"
            )
            raise RunFailed(
                f"the program {process.epitaph()} after {ran_s:.1f} s and {steps} steps, before it "
                f"was measured{to_do}; {process.last_words()}"
            )

    def block(self, index: int, seconds: float, beside: tuple[Work, int] | None) -> Block:
        """A block of the round ``index``, with bubbles that already work."""
        begin_core_s, begin_gpu_s = self.process.tree.sample(), self._gpu_busy_s()
        begin_s = time.monotonic()
        self.let_pass(seconds)
        end_s = time.monotonic()
        core_s, end_gpu_s = self.process.tree.sample() - begin_core_s, self._gpu_busy_s()
        gpu_s = None if end_gpu_s is None or begin_gpu_s is None else end_gpu_s - begin_gpu_s
        return Block(index, begin_s, end_s, beside, core_s, gpu_s)

    def _gpu_busy_s(self) -> float | None:
        return self.meter.busy_s if self.meter else None


def measure_run(watched: WatchedProgram, threads: int, plan: Plan) -> CommandRun:
    """Watches a program of ``threads`` threads, just started, for about ``plan.command_seconds``
    from its first step on.

    The first quarter is left to warming up. Raises :class:`RunFailed` if the program does no steps
    within ``plan.start_limit_s``, or ends before its figures are known.
    """
    process, seconds = watched.process, plan.command_seconds
    run = CommandRun(threads, process.started_s)
    first_s, step_s = _first_steps(watched, plan)
    settled_s = first_s + SETTLING_SHARE * seconds
    watched.let_pass(max(0.0, settled_s - time.monotonic()))
    _rounds(watched, run, first_s + seconds, step_s)
    run.ends_s = np.asarray(process.step_ends())
    _check_goes_on(process, run, step_s, seconds)
    run.peak_bytes = process.tree.peak_bytes
    run.gpu_bytes = watched.meter.peak_bytes if watched.meter else None
    return run


def _check_goes_on(process: CommandProcess, run: CommandRun, step_s: float, seconds: float) -> None:
    """Raises :class:`RunFailed` if it has done no step for half of ``seconds`` or longer."""
    silent_s = time.monotonic() - float(run.ends_s[-1])
    if silent_s > max(HANGING_SHARE * seconds, HANGING_STEPS * step_s):
        printed = process.last_words()  # before it says that it was interrupted
        process.stop()
        raise RunFailed(
            f"the program made {len(run.ends_s)} steps, then none for {silent_s:.0f} s (where it "
            f"does not hang, but evaluates or saves: give `--seconds` more); {printed}"
        )


def _first_steps(watched: WatchedProgram, plan: Plan) -> tuple[float, float]:
    """The end of the first step, and the approximate time of one."""
    process, told = watched.process, False
    limit_s = process.started_s + plan.start_limit_s
    while len(ends := process.step_ends()) < FIRST_STEPS:
        passes = process.backward_passes()
        if not ends and passes >= MOST_PASSES:
            raise RunFailed(_never_steps(process, 0, time.monotonic() - process.started_s, passes))
        ran_s = time.monotonic() - process.started_s
        if not (ends or told) and (passes >= TELLING_PASSES or ran_s >= SILENT_S):
            watched.report(no_step_in_words(ran_s, passes))
            told = True
        if ends:  # slow steps have as long as they need to be seen at all
            limit_s = max(limit_s, ends[0] + plan.command_seconds)
        if time.monotonic() > limit_s:
            raise RunFailed(_never_steps(process, len(ends), plan.start_limit_s, passes))
        watched.let_pass(0.1)
    return ends[0], float(np.median(np.diff(ends)))


def _rounds(watched: WatchedProgram, run: CommandRun, end_s: float, step_s: float) -> None:
    """Measures blocks alone and with bubbles in turn, until ``end_s`` or for at least one round."""
    bubbles, levels = watched.bubbles, bubble_levels(watched.spare)
    parts = 2 + len(WORKS) * len(levels)
    least_s = max(LEAST_BLOCK_S, LEAST_BLOCK_STEPS * step_s)
    pauses_s = 2 * REFERENCE_S if levels else 0.0
    left_s = end_s - time.monotonic()
    rounds = int(min(ROUNDS, max(1.0, left_s // (parts * least_s + pauses_s))))
    block_s = max(least_s, (left_s / rounds - pauses_s) / parts)
    for index in range(rounds):
        run.blocks.append(watched.block(index, block_s, None))
        run.blocks.append(watched.block(index, block_s, None))
        for count in levels:
            for work in WORKS:
                # They work a moment longer than the block, which so never has less of them.
                bubbles.start(work, block_s + LONGER_S, count)
                run.blocks.append(watched.block(index, block_s, (work, count)))
                rate, *_ = bubbles.rates(count)
                if (work, count) == ("stream", 1):
                    with watched.process.paused():
                        run.pressures.append(pressure(bubbles, rate))


def _never_steps(process: CommandProcess, steps: int, limit_s: float, passes: int) -> str:
    if steps:
        made, to_do = f"only {steps} steps", ""
    else:
        made = "no step (by a torch optimizer or rmixer.step())"
        to_do = f": {_what_to_do(passes)}"
    process.stop()
    return f"the program made {made} within {limit_s:.0f} s{to_do}; {process.last_words()}"


def no_step_in_words(ran_s: float, passes: int) -> str:
    """Warns of a program that has run for ``ran_s`` without a step, and says the remedy."""
    return f"no step is seen yet after {ran_s:.0f} s: {_what_to_do(passes)}"


def _what_to_do(passes: int) -> str:
    made = f"it has made {passes} backward passes, but " if passes else ""
    return f"{made}where no optimizer of torch steps let the program call rmixer.step() once a step"
