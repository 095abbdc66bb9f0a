"""Verdicts about a prediction on a noisy machine: pass, fail, undecided, or none.

An error is compared with its goal together with two things: a 95% interval of the error, because a
few jobs or executions prove little, and the noise floor, because a machine that differs from itself
by more than half the goal cannot show if the goal is met.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy.special import ndtr, stdtrit

from rmixer.files.strict import Strict

Word = Literal["pass", "fail", "undecided", "not measurable here"]
Unit = Literal["jobs", "executions"]
CONFIDENCE = 0.95
RESAMPLES = 10_000
MOST_NEEDED = 1000


@dataclass(frozen=True)
class Goals:
    """The largest errors that count as met, as fractions: of the median step alone, of the median
    step with co-running jobs, of the makespan."""

    solo_step: float = 0.10
    step: float = 0.15
    makespan: float = 0.10


@dataclass(frozen=True)
class Judgement(Strict):
    """One error against its goal, all as fractions.

    ``value`` is the error found, ``low`` and ``high`` its 95% interval (None: too few
    observations), ``floor`` the noise floor (None: nothing was executed twice), ``needed`` how many
    more ``needed_of`` would decide it (None: that is not the obstacle, or it takes more than 1000),
    ``why`` the reason in words.
    """

    goal: float
    value: float | None
    low: float | None
    high: float | None
    floor: float | None
    needed: int | None
    needed_of: Unit | None
    verdict: Word
    why: str


@dataclass(frozen=True)
class Verdict(Strict):
    """The three judgements and the word for all of them; one is None if it was not tried."""

    overall: Word
    solo_step: Judgement | None
    step: Judgement
    makespan: Judgement


def overall_word(judgements: Sequence[Judgement | None]) -> Word:
    """The word for several judgements: a failure outweighs what could not be measured, that
    outweighs what is undecided, and only when all pass does the whole pass."""
    words = {judgement.verdict for judgement in judgements if judgement is not None}
    order: tuple[Word, ...] = ("fail", "not measurable here", "undecided", "pass")
    return next((word for word in order if word in words), "undecided")


def bootstrap_interval(values: Sequence[float], seed: int = 0) -> tuple[float, float] | None:
    """The 95% interval of the mean of ``values``, None for fewer than two of them.

    The bootstrap of the mean with expanded percentiles: plain percentiles of a small sample are too
    narrow by sqrt((n - 1) / n) and because they use the normal quantile instead of Student's, so
    the quantiles taken are those that correct both (T. Hesterberg, "What Teachers Should Know About
    the Bootstrap", The American Statistician 69, 2015, section 5). Seeded: the same values give the
    same interval.
    """
    count = len(values)
    if count < 2:
        return None
    sample = np.asarray(values, dtype=float)
    drawn = np.random.default_rng(seed).integers(0, count, size=(RESAMPLES, count))
    means = sample[drawn].mean(axis=1)
    student = float(stdtrit(count - 1, (1 - CONFIDENCE) / 2)) * math.sqrt(count / (count - 1))
    tail = float(ndtr(student))
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def executions_interval(errors: Sequence[float]) -> tuple[float, float] | None:
    """The 95% interval of the size of one error that several executions measured, None for
    fewer than two of them.

    ``errors`` are signed, one an execution. Two or three numbers are too few to resample, so it
    is Student's interval of their mean, folded at zero: an interval that holds both signs
    begins at zero.
    """
    count = len(errors)
    if count < 2:
        return None
    sample = np.asarray(errors, dtype=float)
    student = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2))
    half = student * float(sample.std(ddof=1)) / math.sqrt(count)
    low, high = float(sample.mean()) - half, float(sample.mean()) + half
    return (0.0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))


def judge_jobs(errors: Sequence[float], goal: float, floor: float | None) -> Judgement:
    """The mean size of signed ``errors``, one a job, against ``goal``; bootstrapped over jobs."""
    sizes = [abs(error) for error in errors]
    value = sum(sizes) / len(sizes) if sizes else None
    return _judge(value, bootstrap_interval(sizes), len(sizes), "jobs", goal, floor)


def judge_executions(errors: Sequence[float], goal: float, floor: float | None) -> Judgement:
    """Judges one signed error measured once per execution; the first is the one shown."""
    value = abs(errors[0]) if errors else None
    return _judge(value, executions_interval(errors), len(errors), "executions", goal, floor)


def unfinished(goal: float, value: float | None, floor: float | None, why: str) -> Judgement:
    """The judgement of an error that is of another amount of work than was predicted."""
    return Judgement(goal, value, None, None, floor, None, None, "undecided", why)


def not_alone(judgement: Judgement, shared_with: Sequence[str]) -> Judgement:
    """``judgement`` of a run that shared its cores with others: it says nothing about the
    prediction, which does not include them."""
    why = f"{', '.join(shared_with)} used the same cores"
    return replace(judgement, needed=None, needed_of=None, verdict="not measurable here", why=why)


def _judge(
    value: float | None,
    interval: tuple[float, float] | None,
    count: int,
    unit: Unit,
    goal: float,
    floor: float | None,
) -> Judgement:
    low, high = interval or (None, None)

    def answer(
        verdict: Word, why: str, needed: int | None = None, of: Unit | None = None
    ) -> Judgement:
        return Judgement(goal, value, low, high, floor, needed, of, verdict, why)

    if value is None:
        return answer("undecided", "no job was completed in both runs")
    if floor is not None and floor > goal / 2:
        why = f"two executions differ by {floor:.1%}, more than half the goal of {goal:.0%}"
        return answer("not measurable here", why)
    if low is not None and low > goal:
        why = f"the 95% interval {low:.1%} to {high:.1%} lies above the goal of {goal:.0%}"
        return answer("fail", why)
    if floor is None:
        why = "executed once, so the machine's own noise is not known"
        return answer("undecided", why, 1, "executions")
    if low is None or high is None:
        return answer("undecided", f"one {unit[:-1]} alone gives no interval", 1, unit)
    span = f"the 95% interval {low:.1%} to {high:.1%}"
    if high <= goal:
        return answer("pass", f"{span} lies within the goal of {goal:.0%}")
    needed = more_needed(value, (low, high), goal, count)
    more = f"more than {MOST_NEEDED} more" if needed is None else f"about {needed} more"
    why = f"{span} contains the goal of {goal:.0%}; {more} {unit} would decide"
    return answer("undecided", why, needed, unit)


def more_needed(value: float, interval: tuple[float, float], goal: float, count: int) -> int | None:
    """The number of further observations after which the ``interval`` of the mean ``value`` of
    ``count`` observations no longer contains ``goal``.

    The width goes as Student's quantile over the square root of the number of observations; None if
    more than ``MOST_NEEDED`` are needed.
    """
    half = abs(interval[value <= goal] - value)
    margin = abs(goal - value)
    counts = np.arange(count + 1, count + MOST_NEEDED + 1)

    def width(n: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.asarray(stdtrit(n - 1, (1 + CONFIDENCE) / 2) / np.sqrt(n))

    enough = counts[half * width(counts) / width(np.array(count)) <= margin]
    return int(enough[0]) - count if enough.size else None
