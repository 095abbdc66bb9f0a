"""Warns about operators of a step whose work is unknown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from profiles.traces.profiler_events import INPUT_MARK, Called
from rmixer.operators.operator_cost import OperatorCost

LEAST_SHARE, MOST_NAMED = 0.05, 3


def uncounted_in_words(calls: Sequence[Called], operators: Sequence[OperatorCost]) -> str:
    """Names those of a step's ``calls`` whose work is unknown, if they take some of its time on the
    CPU, by its ``operators`` with the fewest threads; "" if they do not."""
    unknown = {call.name for call in calls if call.work is None and call.name != INPUT_MARK}
    fewest = min((row.threads for row in operators), default=0)
    each_us: dict[str, float] = defaultdict(float)
    for row in operators:
        if (row.lane, row.threads) == ("cpu", fewest):
            each_us[row.operator] += row.mean_us
    longest = sorted(unknown, key=lambda name: -each_us[name])
    share = sum(each_us[name] for name in unknown) / (sum(each_us.values()) or 1.0)
    if share < LEAST_SHARE:
        return ""
    names = ", ".join(longest[:MOST_NAMED])
    return (
        f"{share:.0%} of its step are operators whose FLOPs and bytes are not known and count as "
        f"nothing ({names}): its job type and utilisation tell of the rest alone"
    )
