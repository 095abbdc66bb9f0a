"""Judges the simulator's choice among schedules: its order, and the cost of its choice.

Every schedule is executed once in each repeat, so that a slow moment of the machine meets all. The
difference of two schedules' makespans is taken repeat by repeat, and counts as decided if its 95%
interval (Student's) excludes 0. Only then does the machine say which is better, and

    concordance = decided pairs that the simulator has in that order / decided pairs

A prediction that calls both equal counts half. The best schedule is taken from the odd repeats and
scored on the even ones, since the winner of a noisy race looks too good::

    regret = makespan of the simulator's choice / makespan of that best - 1, on even repeats
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import stdtrit

from experiments.validation.verdict import CONFIDENCE, Word, bootstrap_interval, more_needed
from rmixer.files.strict import Strict

MOST_REGRET = 0.03
LEAST_CONCORDANCE = 0.9
LEAST_PAIRS = 10
"""Fewer decided pairs do not show anything about the order."""


@dataclass(frozen=True)
class Contender(Strict):
    """A schedule: its ``name``, its predicted makespan, and one measured in each repeat, in
    seconds."""

    name: str
    predicted_s: float
    measured_s: tuple[float, ...]


@dataclass(frozen=True)
class Choice(Strict):
    """The quality of the simulator's choice, the first of ``contenders``.

    ``concordance`` is over ``decided`` of all ``pairs``, None if none is. ``regret`` and its 95%
    interval are fractions, None below four repeats; ``best`` is the schedule that won the odd
    repeats. ``floor`` is half the width of the interval: the machine cannot show less.
    If it exceeds half the goal, the verdict is neither pass nor fail. ``more_repeats`` would decide
    a regret that is undecided; None if it is not, or if that is unknown.
    """

    contenders: tuple[Contender, ...]
    concordance: float | None
    decided: int
    pairs: int
    best: str
    regret: float | None
    regret_interval: tuple[float, float] | None
    floor: float | None
    regret_verdict: Word
    concordance_verdict: Word
    more_repeats: int | None = None


def judge_choice(contenders: Sequence[Contender]) -> Choice:
    """Judges the choice of the first of ``contenders``. All have as many repeats, at least two."""
    pairs = list(combinations(contenders, 2))
    agreed = [_agreement(*pair) for pair in pairs]
    known = [each for each in agreed if each is not None]
    concordance = sum(known) / len(known) if known else None
    chosen = contenders[0]
    best = min(contenders, key=lambda each: float(np.mean(each.measured_s[0::2])))
    regrets = [
        ours_s / theirs_s - 1
        for ours_s, theirs_s in zip(chosen.measured_s[1::2], best.measured_s[1::2], strict=True)
    ]
    interval = bootstrap_interval(regrets)
    floor = None if interval is None else (interval[1] - interval[0]) / 2
    regret = float(np.mean(regrets)) if interval is not None else None
    word = _of_regret(interval, floor)
    more = None
    if word == "undecided" and regret is not None and interval is not None:
        more = more_needed(regret, interval, MOST_REGRET, len(regrets))
    return Choice(
        contenders=tuple(contenders),
        concordance=concordance,
        decided=len(known),
        pairs=len(pairs),
        best=best.name,
        regret=regret,
        regret_interval=interval,
        floor=floor,
        regret_verdict=word,
        concordance_verdict=_of_concordance(concordance, len(known)),
        more_repeats=None if more is None else 2 * more,
    )


def _agreement(one: Contender, other: Contender) -> float | None:
    """1 if both clocks put the two in the same order, 0 if not; None if the repeats do not
    decide."""
    sample = np.subtract(one.measured_s, other.measured_s)
    mean, count = float(sample.mean()), len(sample)
    half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2) * sample.std(ddof=1)) / math.sqrt(count)
    if abs(mean) <= half:
        return None
    predicted = one.predicted_s - other.predicted_s
    return 0.5 if predicted == 0 else float((predicted > 0) == (mean > 0))


def _of_regret(interval: tuple[float, float] | None, floor: float | None) -> Word:
    if interval is None or floor is None:
        return "undecided"
    if floor > MOST_REGRET / 2:
        return "not measurable here"
    if interval[1] <= MOST_REGRET:
        return "pass"
    return "fail" if interval[0] > MOST_REGRET else "undecided"


def _of_concordance(concordance: float | None, decided: int) -> Word:
    if concordance is None or decided < LEAST_PAIRS:
        return "undecided"
    return "pass" if concordance >= LEAST_CONCORDANCE else "fail"
