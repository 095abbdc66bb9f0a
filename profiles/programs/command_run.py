"""One run of a command job's program: alone, and beside bubbles that come and go while it goes on.

Nothing in the program can be told to wait for a block to begin. So blocks are stretches of the
clock, and the steps of a block are those that lie wholly inside it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from profiles.machines.bubble import Bubbles, Work
from profiles.machines.gpu_meter import GpuMeter
from profiles.measurements.neighbours import REFERENCE_S, WORKS, Neighbours, bubble_levels, pressure
from rmixer.errors import RunFailed
from rmixer.profile.step_statistics import step_statistics
from rmixer.training.command_process import CommandProcess

ROUNDS = 5
FIRST_STEPS = 4
SETTLING_SHARE = 0.25
LEAST_BLOCK_S, LEAST_BLOCK_STEPS = 0.25, 3.0
LONGER_S = 0.2


@dataclass(frozen=True)
class Block:
    """A stretch of the clock, from ``begin_s`` to ``end_s``. ``core_s`` and ``gpu_s`` are what the
    program used in it, ``gpu_s`` None where nothing tells; ``beside`` the kind, number and duty of
    the bubbles meanwhile, None alone."""

    round: int
    begin_s: float
    end_s: float
    beside: tuple[Work, int, float] | None = None
    core_s: float = 0.0
    gpu_s: float | None = None

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end_s - self.begin_s


@dataclass
class CommandRun:
    """What a run gave: when it was started and each step ended, by one clock, its blocks, and the
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
        """How it does beside bubbles: the mean step of each block against that alone in the same
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


def measure_run(
    process: CommandProcess,
    bubbles: Bubbles,
    meter: GpuMeter | None,
    threads: int,
    spare: int,
    seconds: float,
    start_limit_s: float,
) -> CommandRun:
    """Watch ``process``, just started, for about ``seconds`` from its first step on, beside bubbles
    on ``spare`` cores from 0.

    The first quarter is left to warming up. Raises :class:`RunFailed` where the program makes no
    steps within ``start_limit_s``, or ends before it is known.
    """
    run = CommandRun(threads, process.started_s)
    first_s, step_s = _first_steps(process, seconds, start_limit_s)
    settled_s = first_s + SETTLING_SHARE * seconds
    _let_pass(process, max(0.0, settled_s - time.monotonic()))
    _rounds(process, bubbles, meter, run, spare, first_s + seconds, step_s)
    run.ends_s = np.asarray(process.step_ends())
    run.peak_bytes = process.tree.peak_bytes
    run.gpu_bytes = meter.peak_bytes if meter else None
    return run


def _first_steps(
    process: CommandProcess, seconds: float, start_limit_s: float
) -> tuple[float, float]:
    """When the first step ended, and about how long one takes."""
    limit_s = process.started_s + start_limit_s
    while len(ends := process.step_ends()) < FIRST_STEPS:
        if ends:  # slow steps have as long as they need to be seen at all
            limit_s = max(limit_s, ends[0] + seconds)
        if time.monotonic() > limit_s:
            raise RunFailed(_never_steps(process, len(ends), start_limit_s))
        _let_pass(process, 0.1)
    return ends[0], float(np.median(np.diff(ends)))


def _rounds(
    process: CommandProcess,
    bubbles: Bubbles,
    meter: GpuMeter | None,
    run: CommandRun,
    spare: int,
    end_s: float,
    step_s: float,
) -> None:
    """Blocks alone and beside bubbles in turn, until ``end_s`` or for one round at least."""
    levels = bubble_levels(spare)
    parts = 2 + len(WORKS) * len(levels)
    least_s = max(LEAST_BLOCK_S, LEAST_BLOCK_STEPS * step_s)
    pauses_s = 2 * REFERENCE_S if levels else 0.0
    left_s = end_s - time.monotonic()
    rounds = int(min(ROUNDS, max(1.0, left_s // (parts * least_s + pauses_s))))
    block_s = max(least_s, (left_s / rounds - pauses_s) / parts)

    def block(index: int, beside: tuple[Work, int, float] | None = None) -> None:
        begin_core_s, begin_gpu_s = process.tree.sample(), meter.busy_s if meter else None
        begin_s = time.monotonic()
        _let_pass(process, block_s)
        stop_s = time.monotonic()
        core_s = process.tree.sample() - begin_core_s
        end_gpu_s = meter.busy_s if meter else None
        gpu_s = None if end_gpu_s is None or begin_gpu_s is None else end_gpu_s - begin_gpu_s
        run.blocks.append(Block(index, begin_s, stop_s, beside, core_s, gpu_s))

    for index in range(rounds):
        block(index)
        block(index)
        for level in levels:
            for work in WORKS:
                # They work a moment longer than the block, which so never has less of them.
                bubbles.start(work, block_s + LONGER_S, *level)
                block(index, (work, *level))
                rate, *_ = bubbles.rates(level[0])
                if work == "stream" and level == (1, 1.0):
                    with process.paused():
                        run.pressures.append(pressure(bubbles, rate))


def _let_pass(process: CommandProcess, seconds: float) -> None:
    if not process.wait(seconds):
        steps, ran_s = len(process.step_ends()), time.monotonic() - process.started_s
        raise RunFailed(
            f"the program {process.epitaph()} after {ran_s:.1f} s and {steps} steps, before it was "
            "measured (where it was done: let it make more steps, or give less `--seconds`); "
            f"{process.last_words()}"
        )


def _never_steps(process: CommandProcess, steps: int, limit_s: float) -> str:
    if steps:
        made = f"only {steps} steps"
    else:
        made = "no step (of an optimizer of torch, nor by rmixer.step())"
    process.stop()
    return f"the program made {made} within {limit_s:.0f} s; {process.last_words()}"
