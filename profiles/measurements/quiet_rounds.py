"""Selects the rounds of blocks that count, and takes their means.

A round may be slow without a slow step on a machine that others use too: others had its cores, the
machine was slow, its cores exchanged data slowly, or either changed during the round.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from scipy.special import stdtrit

from profiles.machines.bubble import PROBE_QUANTILE
from profiles.machines.kept_waiting import MOST_WAITED
from rmixer.model_profile.step_statistics import stall_limit_s, step_statistics

PROBE_FACTOR = 1.25
"""Durations above this multiple of the fastest are slow."""
LEAST_STEADY = 2


@dataclass(frozen=True, eq=False)
class Round:
    """The results of a round of one worker: the durations in seconds of steps in two ``plain``
    blocks, and the ``profiled`` block between them. ``probe_s`` is the slower of two probes of
    the machine, ``exchange_us`` of two exchanges between the worker's threads, 0 for one thread.
    ``event_us`` is what an event cost the profiler then, None if it was not asked; ``waited`` the
    share of its cores' time for which the worker waited for them; ``seconds`` how long all took."""

    plain: tuple[Sequence[float], Sequence[float]]
    profiled: dict[str, Any]
    probe_s: float
    event_us: float | None = None
    exchange_us: float = 0.0
    waited: float = 0.0
    seconds: float = 0.0

    @property
    def around_s(self) -> float:
        """The mean step of the plain blocks, without stalls."""
        return statistics.fmean(step_statistics(block).mean_s for block in self.plain)

    @property
    def three_means_s(self) -> tuple[float, float, float]:
        """The mean step of each block in order, without stalls. A GPU's profiled steps, which wait
        for the host, count like the others."""
        before_s, after_s = (step_statistics(block).mean_s for block in self.plain)
        if "durations" not in self.profiled:
            return before_s, self.around_s, after_s
        totals_us = (self.profiled["durations"] + self.profiled["gaps"]).sum(axis=1)
        return before_s, step_statistics(totals_us).mean_s * 1e-6, after_s


Pass = Sequence[Round]
"""The rounds of one worker."""
_Filter = Callable[[Pass], list[Round]]


def mean_s(rounds: Pass) -> float:
    """The mean step of all plain blocks, without stalls."""
    return step_statistics(steps_s(rounds)).mean_s


def steps_s(rounds: Pass) -> list[float]:
    """The durations of the steps of all plain blocks."""
    return list(chain.from_iterable(chain.from_iterable(each.plain for each in rounds)))


def block_means_s(rounds: Pass) -> list[float]:
    """The mean step of each plain block without stalls; blocks of stalls alone are left out."""
    limit_s = stall_limit_s(steps_s(rounds))
    blocks = chain.from_iterable(each.plain for each in rounds)
    steady = ([step for step in block if step <= limit_s] for block in blocks)
    return [statistics.fmean(block) for block in steady if block]


def half_width(means: Sequence[float]) -> float:
    """Half the 95% confidence interval of the mean of ``means`` (one of each block, Student's t),
    as a fraction of it; infinite for fewer than two."""
    count = len(means)
    if count < 2:
        return math.inf
    spread = float(np.std(means, ddof=1))
    quantile = float(stdtrit(count - 1, 0.975))
    return quantile * spread / math.sqrt(count) / float(np.mean(means))


def blocks_needed(means: Sequence[float], wanted: float) -> int:
    """Returns the number of blocks with the spread of ``means`` that makes :func:`half_width` at
    most ``wanted``; at least two."""
    spread = float(np.std(means, ddof=1)) / float(np.mean(means))
    count = 2
    while float(stdtrit(count - 1, 0.975)) * spread / math.sqrt(count) > wanted:
        count += max(1, count // 16)
    return count


def fastest_exchange_us(passes: Sequence[Pass], known_us: float = math.inf) -> float:
    """The least of ``known_us`` and, of each pass, the 5th percentile of its exchanges."""
    return min([known_us, *(_quick_end([r.exchange_us for r in rounds]) for rounds in passes)])


def quiet(passes: Sequence[Pass], known_us: float = math.inf) -> list[Round]:
    """The rounds that count, of all passes: each worker's probes are compared with its own, its
    exchanges with the fastest known. If hardly any round is left, those in which the machine
    changed count too, or else those in which others had the cores; if still hardly any, those with
    slow exchanges."""
    return _chosen(passes, known_us)[0]


def apart_s(passes: Sequence[Pass], known_us: float = math.inf) -> float:
    """Seconds that rounds with slow exchanges add to the mean step; 0 if these rounds count."""
    near, filters = _chosen(passes, known_us)
    everywhere = _left(passes, [filters[0], *filters[2:]])
    if len(everywhere) < len(near):  # stalls can be all of a block
        everywhere = _left(passes, filters[:1])
    return max(0.0, mean_s(everywhere) - mean_s(near))


def unlikeness(passes: Sequence[Pass], known_us: float = math.inf) -> float:
    """The largest mean step of any pass over the smallest, minus 1. It takes the rounds without any
    fault, or all rounds if a pass has no such round."""
    spared = [_left([rounds], _filters(passes, known_us)) for rounds in passes]
    compared: Sequence[Pass] = spared if all(spared) else passes
    means = [statistics.fmean(block_means_s(rounds)) for rounds in compared]
    return max(means) / min(means) - 1.0


def without_fault(rounds: Pass, known_us: float) -> list[Round]:
    """The rounds of one worker without any fault."""
    return _left([rounds], _filters([rounds], known_us))


def spared(rounds: Pass) -> list[Round]:
    """The rounds of one worker in which the machine was not slow, by their probes."""
    limit_s = PROBE_FACTOR * _quick_end([each.probe_s for each in rounds])
    return [each for each in rounds if each.probe_s <= limit_s]


def typical_profiled(rounds: Pass) -> list[dict[str, Any]]:
    """The profiled blocks for a step's operators, on a CPU: the middle third of ``rounds`` (at
    least one) by their time over that of the plain blocks around them. Each is scaled to the mean
    speed of the machine in all plain blocks. The middle third keeps a slow block from deciding the
    mean."""
    ratios = [each.three_means_s[1] / each.around_s for each in rounds]
    order = sorted(range(len(rounds)), key=ratios.__getitem__)
    left_out, whole_s = len(order) // 3, mean_s(rounds)
    middle = sorted(order[left_out : len(order) - left_out])
    return [_in_units(rounds[place], whole_s) for place in middle]


def _in_units(each: Round, whole_s: float) -> dict[str, Any]:
    factor, block = whole_s / each.around_s, each.profiled
    return {**block, "durations": block["durations"] * factor, "gaps": block["gaps"] * factor}


def _chosen(passes: Sequence[Pass], known_us: float) -> tuple[list[Round], Sequence[_Filter]]:
    """The rounds that count, and the filters that leave them: the first that leave enough."""
    slow, near, used, changed = _filters(passes, known_us)
    strict_first = ((slow, near, used, changed), (slow, near, used), (slow, near, changed))
    for filters in (*strict_first, (slow, near)):
        if len(left := _left(passes, filters)) >= LEAST_STEADY:
            return left, filters
    return _left(passes, (slow,)), (slow,)


def _filters(passes: Sequence[Pass], known_us: float) -> Sequence[_Filter]:
    limit_us = PROBE_FACTOR * fastest_exchange_us(passes, known_us)

    def near(rounds: Pass) -> list[Round]:
        return [each for each in rounds if each.exchange_us <= limit_us]

    return spared, near, _undisturbed, _unchanged


def _left(passes: Sequence[Pass], filters: Sequence[_Filter]) -> list[Round]:
    for each in filters:
        passes = [each(rounds) for rounds in passes]
    return list(chain.from_iterable(passes))


def _undisturbed(rounds: Pass) -> list[Round]:
    """The rounds in which the worker hardly waited for its cores."""
    return [each for each in rounds if each.waited <= MOST_WAITED]


def _unchanged(rounds: Pass) -> list[Round]:
    """The rounds in which the machine did not change: the mean steps of the three blocks differ by
    at most a factor of 1.25. The profiled block's is divided by its usual ratio to the others (the
    median over rounds)."""
    threes_s = [each.three_means_s for each in rounds]
    ratios = [2 * middle / (first + last) for first, middle, last in threes_s]
    usual = statistics.median(ratios or [1.0])
    alike = ((first, middle / usual, last) for first, middle, last in threes_s)
    pairs = zip(rounds, alike, strict=True)
    return [each for each, means in pairs if max(means) <= PROBE_FACTOR * min(means)]


def _quick_end(values: Sequence[float]) -> float:
    """The 5th percentile of ``values``; infinite if there are none."""
    return float(np.quantile(values, PROBE_QUANTILE)) if values else math.inf
