"""Warnings for the users of an imported profile."""

from __future__ import annotations

from collections.abc import Iterator

from profiles.traces.left_out import MOST_SILENT, device_work
from rmixer.imported.imported_profile import ImportedProfile

WORST_CLOSURE = 0.06
"""The same limit as for a measured profile."""
_WHAT_TO_DO = "say its length by `--step-ms`, or import a trace with a synchronisation in each step"


def warnings_of(profile: ImportedProfile) -> list[str]:
    """Warnings about parts left out of ``profile`` beyond the usual share, about missing facts, and
    about a sum that misses the length of its step, unless the user has said that."""
    found = (*_left_out(profile), *(_length(profile) if profile.step_us is None else ()))
    return [f"{profile.name}: {text}" for text in found]


def _left_out(profile: ImportedProfile) -> Iterator[str]:
    if profile.left_out_share > MOST_SILENT:
        yield f"{device_work(profile)} that no operator of its steps launched is left out"
    share = profile.other_us / profile.profiled_mean_us
    if share > MOST_SILENT:
        time = f"{_ms(profile.other_us)} a step ({share:.0%} of it)"
        yield f"{time} of operators of other threads are left out"
    rows = profile.operators
    if not any(row.shapes for row in rows):
        yield (
            "no operator has Input Dims and Input type, so FLOPs and bytes are unknown: record "
            "with `record_shapes=True`"
        )
    backward = [row for row in rows if row.phase == "backward"]
    if backward and all(row.forward_index < 0 for row in backward):
        yield "no operator has a Sequence number that ties a backward one to its forward one"
    if profile.other_devices:
        named = ", ".join(f"{name} ({count})" for name, count in profile.other_devices.items())
        host = ", so the profile is of the host alone" if profile.device == "cpu" else ""
        yield (
            f"events of the categories {named} are left out{host}: of devices only the GPUs of "
            "CUDA and ROCm are read"
        )
    if profile.untimed:
        yield (
            f"{profile.untimed} kernels or copies at time 0 that take no time are left out: the "
            "profiler has lost when they ran"
        )
    if profile.cut_operators:
        yield (
            f"operators that end after their step are cut at its end: {profile.cut_operators}, by "
            f"{_ms(profile.cut_most_us)} at most (`--strict` refuses them)"
        )


def _length(profile: ImportedProfile) -> Iterator[str]:
    mean_us = profile.profiled_mean_us
    for lane in ("gpu", "link"):
        busy_us = sum(row.mean_us for row in profile.operators if row.lane == lane)
        if busy_us > mean_us:
            yield (
                f"the {lane} works {_ms(busy_us)} a step, longer than the step of {_ms(mean_us)}, "
                f"which is taken from the host, and that runs ahead: {_WHAT_TO_DO}"
            )
            return
    for lane, part in profile.closure.items():
        if abs(part) > WORST_CLOSURE:
            yield (
                f"operators and gaps on the {lane} come to {1 + part:.0%} of the step: where the "
                f"host runs ahead of the device, {_WHAT_TO_DO}; work at the same time on several "
                "streams or threads counts twice"
            )


def _ms(time_us: float) -> str:
    return f"{time_us * 1e-3:.3f} ms"
