"""The schedules of a race: predicted, measured, and the quality of the simulator's choice."""

from __future__ import annotations

import statistics

from experiments.validation.choice import LEAST_CONCORDANCE, MOST_REGRET, Choice
from rmixer.display.quantities import ABSENT, percent, seconds, signed_percent
from rmixer.display.tables import NumberTable


def choice_table(choice: Choice) -> NumberTable:
    """A row a schedule in the order of the predictions: its measured mean, the spread of repeats
    (one standard deviation), and the error of the prediction."""
    table = NumberTable().folded("schedule").numbers("predicted", "measured", "spread", "error")
    for each in sorted(choice.contenders, key=lambda each: each.predicted_s):
        mean_s = statistics.fmean(each.measured_s)
        spread = statistics.stdev(each.measured_s) / mean_s
        table.add_row(
            each.name,
            seconds(each.predicted_s),
            seconds(mean_s),
            percent(spread),
            signed_percent(each.predicted_s / mean_s - 1),
            style="bold" if each == choice.contenders[0] else None,
        )
    return table


def choice_lines(choice: Choice) -> list[str]:
    """The lines below the table."""
    regret = ABSENT
    if choice.regret is not None and choice.regret_interval is not None:
        low, high = map(signed_percent, choice.regret_interval)
        regret = f"{signed_percent(choice.regret)} (95%: {low} to {high})"
    count = choice.more_repeats
    more = "" if count is None else f"; about {count} more repeats would decide"
    order = ABSENT if choice.concordance is None else percent(choice.concordance)
    return [
        f"regret       {regret} against {choice.best}, the best of the odd repeats; "
        f"goal {percent(MOST_REGRET)}: {choice.regret_verdict}{more}",
        f"concordance  {order} of {choice.decided} pairs that the repeats decide, of "
        f"{choice.pairs}; goal {percent(LEAST_CONCORDANCE)}: {choice.concordance_verdict}",
    ]
