"""What whoever uses an imported profile should know of it, in words."""

from __future__ import annotations

from collections.abc import Iterator

from profiles.traces.left_out import left_out_in_words
from rmixer.imported.imported_profile import ImportedProfile

WORST_CLOSURE = 0.06
"""As that of a profile that is measured."""
_MS = 1e-3
_WHAT_TO_DO = "say its length by `--step-ms`, or import a trace with a synchronisation in each step"


def warnings_of(profile: ImportedProfile) -> list[str]:
    """What is left out of ``profile`` beyond what may be without a word, and what of its step does
    not come to its length."""
    return [f"{profile.name}: {text}" for text in (*left_out_in_words(profile), *_length(profile))]


def _length(profile: ImportedProfile) -> Iterator[str]:
    """Nothing where the user has said how long a step is."""
    if profile.step_us is not None:
        return
    mean_us = profile.profiled_mean_us
    for lane in ("gpu", "link"):
        busy_us = sum(row.mean_us for row in profile.operators if row.lane == lane)
        if busy_us > mean_us:
            yield (
                f"the {lane} works {busy_us * _MS:.3f} ms a step, longer than the step of "
                f"{mean_us * _MS:.3f} ms, which is taken from the host, and that runs ahead: "
                f"{_WHAT_TO_DO}"
            )
            return
    for lane, part in profile.closure.items():
        if abs(part) > WORST_CLOSURE:
            yield (
                f"operators and gaps on the {lane} come to {1 + part:.0%} of the step: where the "
                f"host runs ahead of the device, {_WHAT_TO_DO}; work at the same time on several "
                "streams or threads counts twice"
            )
