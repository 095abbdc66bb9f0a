"""An explanation as plain lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from experiments.explaining.company import Beside, Company
from experiments.explaining.explanation import Explanation, Outlook, Variant
from experiments.explaining.limits import Full, LastJob, Limits, Need
from rmixer.display.quantities import milliseconds, seconds, signed_percent, size

_NO_LIMIT_BYTES = 1 << 50
"""The memory of an assumed machine."""
_DIGITS_S = 0.005
"""Shorter times than this are shown as none."""


def explanation_lines(found: Explanation) -> list[str]:
    """The lines that `rmixer explain` prints."""
    head = f"{found.workload} by {found.policy} on {found.machine}, slots × threads {found.cut}"
    return [
        f"{head}: predicted makespan {seconds(found.limits.makespan_s)}",
        "",
        *_limits(found.limits),
        "",
        *_company(found.company),
        "",
        *_outlook(found.outlook),
    ]


def _limits(limits: Limits) -> Iterator[str]:
    """The largest of each kind; for several devices of a kind the busiest."""
    largest: dict[str, Need] = {}
    for need in limits.needs:
        largest.setdefault(need.kind, need)
    first = limits.needs[0]
    yield f"Limited by: {first.resource}. Each of these by itself needs at least:"
    for need in largest.values():
        alike = sum(each.kind == need.kind for each in limits.needs)
        most = f" (the largest of {alike})" if alike > 1 else ""
        yield f"  {need.share:6.1%}  {seconds(need.least_s):>9}  {need.resource}{most}"
    held = f"{limits.held_cores:.1f} of {limits.cores} cores"
    slots = f"{limits.held_slots:.1f} of {limits.tail.slots} slots"
    yield f"In the mean jobs hold {held} and {slots}; memory at most {_memory(limits)}."
    yield _last(limits.last)
    tail = limits.tail
    if tail.length_s >= _DIGITS_S:
        share = tail.length_s / limits.makespan_s
        yield (
            f"No job waits any more in the last {seconds(tail.length_s)} ({share:.0%}): "
            f"{tail.idle_slots:.1f} of {tail.slots} slots are empty then, in the mean."
        )


def _memory(limits: Limits) -> str:
    """The memory of the fullest device of each kind."""
    fullest: dict[str, Full] = {}
    for full in sorted(limits.memory, key=lambda each: each.peak_bytes, reverse=True):
        fullest.setdefault(full.device.partition(":")[0], full)
    return ", ".join(
        f"{size(full.peak_bytes)} of {size(full.memory_bytes)} on {full.device}"
        if full.memory_bytes < _NO_LIMIT_BYTES
        else f"{size(full.peak_bytes)} on {full.device}"
        for full in fullest.values()
    )


def _last(last: LastJob) -> str:
    parts = [f"it would take {seconds(last.alone_s)} alone"]
    if last.company_s >= _DIGITS_S:
        parts.append(f"co-running jobs cost it {seconds(last.company_s)}")
    if last.waits_s >= _DIGITS_S:
        parts.insert(0, f"it waits {seconds(last.waits_s)} for a slot")
    if last.arrives_s >= _DIGITS_S:
        parts.insert(0, f"it arrives after {seconds(last.arrives_s)}")
    return f"{last.job} ends last: {', '.join(parts)}."


def _company(company: Company) -> Iterator[str]:
    worst = company.worst
    if worst is None or company.most_lost is None:
        yield "No job is slowed by another."
        return
    yield (
        f"Slowed most: {worst.job} on {worst.device}, {milliseconds(worst.company_ms)} a step "
        f"instead of {milliseconds(worst.alone_ms)} alone ({worst.factor:.2f}×) for "
        f"{seconds(worst.seconds)},"
    )
    yield f"  together with {_beside(worst.beside, worst.device)}."
    share = company.lost_s / company.trained_s if company.trained_s > 0 else 0.0
    yield (
        f"Co-running jobs cost all jobs together {seconds(company.lost_s)} of the "
        f"{seconds(company.trained_s)} that they train ({share:.0%}), most of all "
        f"{company.most_lost}: {seconds(company.most_lost_s)}."
    )


def _beside(groups: Sequence[Beside], device: str) -> str:
    """The jobs on ``device`` by model, the others by number."""
    near, elsewhere = [], Counter[str]()
    for each in groups:
        if each.device == device:
            phase = "" if each.phase == "train" else f" ({each.phase})"
            times = f"{each.jobs} × " if each.jobs > 1 else ""
            near.append(f"{times}{each.model}{phase}")
        else:
            elsewhere[each.device] += each.jobs
    parts = [f"{', '.join(near)} on {device}"] if near else []
    if elsewhere:
        counts = ", ".join(f"{jobs} on {name}" for name, jobs in elsewhere.items())
        parts.append(f"jobs on other devices: {counts}")
    return "; ".join(parts)


def _outlook(outlook: Outlook) -> Iterator[str]:
    if outlook.stand_in:
        yield f"{outlook.stand_in}."
    how = f"Searched again, {outlook.searched:,} schedules each"
    if not outlook.searched:
        how = f"Simulated again by {outlook.policy} on {outlook.cut}"
    yield (f"{how} ({outlook.level} level): {seconds(outlook.makespan_s)}. With")
    yield from _variants(outlook.variants, outlook.makespan_s)


def _changed(change: float | None) -> str:
    return "no change" if change is not None and abs(change) < 5e-4 else signed_percent(change)


def _variants(variants: Iterable[Variant], before_s: float) -> Iterator[str]:
    given = list(variants)
    width = max((len(each.what) for each in given if each.makespan_s is not None), default=0)
    for each in given:
        if each.makespan_s is None:
            yield f"  {each.what}: not simulated, {each.why}"
            continue
        yield (
            f"  {each.what:<{width}}  {seconds(before_s)} → {seconds(each.makespan_s)} "
            f"({_changed(each.change)})"
        )
