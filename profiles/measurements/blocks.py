"""What rounds of blocks gave, and which of them count: not those in which others had its cores, the
machine was slow, its cores exchanged data slowly, or either changed in between."""

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
    """What the rounds of one worker gave: the slower of two probes, two plain blocks and a profiled
    one each, what an event cost the profiler at that time where it was asked, the slower of two
    exchanges between its threads, and for which share of its cores' time it waited for them."""

    probes_s: list[float] = field(default_factory=list)
    plain: list[list[float]] = field(default_factory=list)
    profiled: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    event_us: list[float | None] = field(default_factory=list)
    exchanges_us: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def undisturbed(self) -> Blocks:
        """Those of the rounds in which it hardly waited for its cores."""
        often = {i for i, share in enumerate(self.waited) if share > MOST_WAITED}
        return self.only([i for i in range(len(self.probes_s)) if i not in often])

    def quick(self, slowest_exchange_us: float = math.inf) -> Blocks:
        """Those of the rounds in which the machine was not slow, by its probes, and no exchange
        took longer than told."""
        slow = {i for i, each_us in enumerate(self.exchanges_us) if each_us > slowest_exchange_us}
        return self.only([i for i in steady_rounds(self.probes_s).kept if i not in slow])

    def unchanged(self) -> Blocks:
        """Those of the rounds in which the machine did not change, by their own blocks."""
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
        """The mean step in each block of every round, the profiled one in the middle, stalls apart.
        A GPU's, whose profiled steps wait for the host, are taken to be as the others."""
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
        """The mean step of all plain blocks, stalls apart."""
        return step_statistics([step for block in self.plain for step in block]).mean_s

    @property
    def block_means_s(self) -> list[float]:
        """The mean step of each plain block; stalls are apart, of which a block may consist."""
        limit_s = stall_limit_s([step for block in self.plain for step in block])
        steady = ([step for step in block if step <= limit_s] for block in self.plain)
        return [statistics.fmean(block) for block in steady if block]


def fastest_exchange_us(passes: Sequence[Blocks], known_us: float = math.inf) -> float:
    """The fastest of ``known_us`` and, of each pass, the 5th percentile of its exchanges;
    infinite where there is none."""
    quantiles = [
        float(np.quantile(blocks.exchanges_us, PROBE_QUANTILE))
        for blocks in passes
        if blocks.exchanges_us
    ]
    return min([known_us, *quantiles])


def slowest_exchange_us(passes: Sequence[Blocks], known_us: float = math.inf) -> float:
    """Above it the cores exchange slowly: 1.25 x :func:`fastest_exchange_us`."""
    return PROBE_FACTOR * fastest_exchange_us(passes, known_us)


def steady_together(passes: Sequence[Blocks], known_us: float = math.inf) -> Blocks:
    """The rounds that count, of all passes: cores that exchange slowly would make a mean of two
    speeds. Where hardly any round was spared, those in which the machine changed count too, and
    where hardly any then, those in which they did exchange slowly; and those in which others had
    the cores where hardly any was without."""
    return _near_and_all(passes, known_us)[0]


def apart_s(passes: Sequence[Blocks], known_us: float = math.inf) -> float:
    """What rounds in which the cores exchanged slowly add to the mean step; nothing where they
    count."""
    near, everywhere = _near_and_all(passes, known_us)
    return max(0.0, everywhere.mean_s - near.mean_s)


def _near_and_all(passes: Sequence[Blocks], known_us: float) -> tuple[Blocks, Blocks]:
    """The rounds that count, and they with those like them in which the cores exchanged slowly."""
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
    """Each with the rounds in which it had its cores to itself; as they are, where hardly any of
    these would count."""
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
    """How far the largest mean step of any pass is above the smallest, as a fraction of it: of
    all their rounds, but of those with fast exchange alone where every pass has some."""
    limit_us = slowest_exchange_us(passes, known_us)
    steady = [blocks.undisturbed().quick(limit_us).unchanged() for blocks in passes]
    compared = steady if all(blocks.plain for blocks in steady) else passes
    means = [statistics.fmean(blocks.block_means_s) for blocks in compared]
    return max(means) / min(means) - 1.0
