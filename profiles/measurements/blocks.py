"""Results of rounds of blocks, and the selection of those that count: not those in which others had
its cores, the machine was slow, its cores exchanged data slowly, or either changed in between."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from profiles.machines.kept_waiting import MOST_WAITED
from profiles.machines.steadiness import (
    PROBE_FACTOR,
    PROBE_QUANTILE,
    steady_rounds,
    unchanged_rounds,
)
from rmixer.model_profile.step_statistics import stall_limit_s, step_statistics

LEAST_STEADY = 2


@dataclass
class Blocks:
    """The results of the rounds of one worker: the slower of two probes, two plain blocks and a
    profiled one each, the profiler's cost of an event if it was measured, the slower of two
    exchanges between its threads, and the share of its cores' time for which it waited for them."""

    probes_s: list[float] = field(default_factory=list)
    plain: list[list[float]] = field(default_factory=list)
    profiled: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    event_us: list[float | None] = field(default_factory=list)
    exchanges_us: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def undisturbed(self) -> Blocks:
        """The rounds in which it hardly waited for its cores."""
        often = {i for i, share in enumerate(self.waited) if share > MOST_WAITED}
        return self.only([i for i in range(len(self.probes_s)) if i not in often])

    def quick(self, slowest_exchange_us: float = math.inf) -> Blocks:
        """The rounds in which the machine was not slow, by its probes, and no exchange took longer
        than the limit."""
        slow = {i for i, each_us in enumerate(self.exchanges_us) if each_us > slowest_exchange_us}
        return self.only([i for i in steady_rounds(self.probes_s).kept if i not in slow])

    def unchanged(self) -> Blocks:
        """The rounds in which the machine did not change, by their own blocks."""
        return self.only(unchanged_rounds(self.three_means_s))

    def only(self, kept: Sequence[int]) -> Blocks:
        """The rounds at these places."""
        return Blocks(
            [self.probes_s[i] for i in kept],
            [self.plain[2 * i + half] for i in kept for half in (0, 1)],
            [self.profiled[i] for i in kept],
            self.seconds,
            [self.event_us[i] for i in kept],
            [self.exchanges_us[i] for i in kept] if self.exchanges_us else [],
            [self.waited[i] for i in kept] if self.waited else [],
        )

    @property
    def three_means_s(self) -> list[tuple[float, float, float]]:
        """The mean step in each block of every round, the profiled one in the middle, without
        stalls. A GPU's profiled steps, which wait for the host, count like the others."""
        return [self._three_means_s(index) for index in range(len(self.probes_s))]

    def _three_means_s(self, index: int) -> tuple[float, float, float]:
        before_s, after_s = (
            step_statistics(self.plain[2 * index + half]).mean_s for half in (0, 1)
        )
        if "durations" not in (block := self.profiled[index]):
            return before_s, (before_s + after_s) / 2, after_s
        totals_us = (block["durations"] + block["gaps"]).sum(axis=1)
        return before_s, step_statistics(totals_us).mean_s * 1e-6, after_s

    @property
    def mean_s(self) -> float:
        """The mean step of all plain blocks, without stalls."""
        return step_statistics([step for block in self.plain for step in block]).mean_s

    @property
    def block_means_s(self) -> list[float]:
        """The mean step of each plain block, without stalls, of which a whole block may consist."""
        limit_s = stall_limit_s([step for block in self.plain for step in block])
        steady = ([step for step in block if step <= limit_s] for block in self.plain)
        return [statistics.fmean(block) for block in steady if block]


def fastest_exchange_us(passes: Sequence[Blocks], known_us: float = math.inf) -> float:
    """The least of ``known_us`` and, of each pass, the 5th percentile of its exchanges; infinite if
    there is none."""
    quantiles = [
        float(np.quantile(blocks.exchanges_us, PROBE_QUANTILE))
        for blocks in passes
        if blocks.exchanges_us
    ]
    return min([known_us, *quantiles])


def slowest_exchange_us(passes: Sequence[Blocks], known_us: float = math.inf) -> float:
    """The limit above which the cores exchange slowly: 1.25 x :func:`fastest_exchange_us`."""
    return PROBE_FACTOR * fastest_exchange_us(passes, known_us)


def steady_together(passes: Sequence[Blocks], known_us: float = math.inf) -> Blocks:
    """The rounds that count, of all passes: with slow exchanges the mean would mix two speeds. If
    hardly any round is left, those in which the machine changed count too; if still hardly any,
    those with slow exchanges; and those in which others had the cores if hardly any was without."""
    return _near_and_all(passes, known_us)[0]


def apart_s(passes: Sequence[Blocks], known_us: float = math.inf) -> float:
    """The part of the mean step that rounds with slow exchange add; 0 if they count."""
    near, everywhere = _near_and_all(passes, known_us)
    return max(0.0, everywhere.mean_s - near.mean_s)


def _near_and_all(passes: Sequence[Blocks], known_us: float) -> tuple[Blocks, Blocks]:
    """The rounds that count, and these with similar ones in which the cores exchanged slowly."""
    limit_us = slowest_exchange_us(passes, known_us)
    passes = _undisturbed(passes, limit_us)
    near, everywhere = [b.quick(limit_us) for b in passes], [b.quick() for b in passes]
    unchanged, whole = together([blocks.unchanged() for blocks in near]), together(everywhere)
    if len(unchanged.probes_s) >= LEAST_STEADY:
        like_them = together([blocks.unchanged() for blocks in everywhere])
        more = len(like_them.probes_s) >= len(unchanged.probes_s)  # stalls can be all of a block
        return unchanged, like_them if more else whole
    steady = together(near)
    return (steady if len(steady.probes_s) >= LEAST_STEADY else whole), whole


def _undisturbed(passes: Sequence[Blocks], limit_us: float) -> Sequence[Blocks]:
    """Each pass with only the rounds in which it had its cores; unchanged if hardly any of these
    would count."""
    kept = [blocks.undisturbed() for blocks in passes]
    quick = together([blocks.quick(limit_us) for blocks in kept])
    return kept if len(quick.probes_s) >= LEAST_STEADY else passes


def together(passes: Sequence[Blocks]) -> Blocks:
    """The blocks of several workers as one; each worker's probes are compared with its own."""
    return Blocks(
        [probe for blocks in passes for probe in blocks.probes_s],
        [block for blocks in passes for block in blocks.plain],
        [block for blocks in passes for block in blocks.profiled],
        math.fsum(blocks.seconds for blocks in passes),
        [cost for blocks in passes for cost in blocks.event_us],
        [each_us for blocks in passes for each_us in blocks.exchanges_us],
        [share for blocks in passes for share in blocks.waited],
    )


def unlikeness(passes: Sequence[Blocks], known_us: float = math.inf) -> float:
    """The largest mean step of any pass over the smallest, minus 1: of all their rounds, but only
    of those with fast exchange if every pass has some."""
    limit_us = slowest_exchange_us(passes, known_us)
    steady = [blocks.undisturbed().quick(limit_us).unchanged() for blocks in passes]
    compared = steady if all(blocks.plain for blocks in steady) else passes
    means = [statistics.fmean(blocks.block_means_s) for blocks in compared]
    return max(means) / min(means) - 1.0
