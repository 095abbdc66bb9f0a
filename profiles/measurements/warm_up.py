"""The number of steps until a job is as fast as it stays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEAST_FIRST_STEPS = 2
"""A worker that profiles runs at least this many steps before one is counted."""
WINDOW = 3
TOLERANCE = 0.15


def warm_up_steps(durations_s: Sequence[float], settled_s: float) -> int:
    """The number of first steps that are slower than the job's settled step.

    Warm-up ends with the last slow step of the last window of three whose median is over 15% above
    ``settled_s``: one slow step later is noise. The very first step is judged alone, because it
    includes all that is created once.
    """
    times = np.asarray(durations_s, dtype=np.float64)
    limit = (1.0 + TOLERANCE) * settled_s
    windows = range(times.size - WINDOW + 1)
    slow = [at for at in windows if float(np.median(times[at : at + WINDOW])) > limit]
    # Of the last slow window the last slow step: the others in it are as fast as the rest.
    ends = [at + int(np.flatnonzero(times[at : at + WINDOW] > limit)[-1]) + 1 for at in slow]
    if times.size and times[0] > limit:
        ends.append(1)
    return max(ends, default=0)
