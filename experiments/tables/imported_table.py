"""Tables of an imported profile: lanes, the host's gaps, kinds of work, operators, and unknown
figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Group
from rich.text import Text

from experiments.operators.operator_class import CLASSES, GAPS, operator_class
from experiments.tables.terms import explained
from rmixer.display.quantities import count, milliseconds, percent, signed_percent, size
from rmixer.display.tables import NumberTable
from rmixer.imported.imported_profile import ImportedProfile
from rmixer.operators.operator_cost import OperatorCost

T = TypeVar("T")
UNKNOWN = "unknown"
NEVER_KNOWN = "sensitivity, pressure, memory by use, other phases"
"""Figures that no trace has."""
_GAP_NAMES = {
    "t1": "T1 between operators",
    "t2": "T2 before the first launch",
    "t4": "T4 launching",
    "t5": "T5 between launches",
    "t3": "T3 after the last launch",
    "wait": "waiting for the device",
}


@dataclass(frozen=True)
class LaneShare:
    """One lane in a step: the number of operators, their time on it and the gaps between them in
    microseconds, and the share of each class of operators, gaps included, in both."""

    lane: str
    operators: int
    busy_us: float
    gaps_us: float
    by_class: dict[str, float]


def lane_shares(profile: ImportedProfile) -> list[LaneShare]:
    """A row for each lane, the host's first. On the host's lane launching counts as the launched
    operator's class, and waiting for the device as a gap."""
    found = []
    for lane in dict.fromkeys(("cpu", *(row.lane for row in profile.operators))):
        rows = [row for row in profile.operators if row.lane == lane or lane == "cpu"]
        time_us: dict[str, float] = defaultdict(float)
        for row in rows:
            busy_us, gap_us = _host_us(row) if lane == "cpu" else (row.mean_us, row.gap_before_us)
            time_us[operator_class(row)] += busy_us
            time_us[GAPS] += gap_us
        total_us = sum(time_us.values())
        shares = {name: time_us[name] / total_us for name in CLASSES if time_us[name] > 0}
        busy_us = total_us - time_us[GAPS]
        calls = len({row.index for row in rows})
        found.append(LaneShare(lane, calls, busy_us, time_us[GAPS], shares))
    return found


def _host_us(row: OperatorCost) -> tuple[float, float]:
    """The host's time for a row, and the gap before it."""
    return row.mean_us if row.lane == "cpu" else row.host_us, row.t1_us + row.wait_us


def host_gaps(profile: ImportedProfile) -> dict[str, float]:
    """T1 to T5 and the time spent waiting, by name, in microseconds a step."""
    return {
        words: sum(getattr(row, f"{name}_us") or 0.0 for row in profile.operators)
        for name, words in _GAP_NAMES.items()
    }


def imported_table(profile: ImportedProfile, top: int = 12) -> Group:
    """Tables of one imported profile and its ``top`` operators by lane."""
    parts: list[Text | NumberTable] = [
        Text(f"{profile.name}, imported from {profile.trace}", style="bold"),
        _facts(profile),
        explained("closure"),
        _lane_table(profile),
    ]
    if profile.device == "gpu":
        parts.append(_gap_table(profile))
    for lane in dict.fromkeys(row.lane for row in profile.operators):
        parts.append(_operator_table(profile, lane, top))
    return Group(*parts)


def _facts(profile: ImportedProfile) -> Text:
    hardware = profile.hardware or ("hardware " + UNKNOWN)
    closure = ", ".join(f"{k} {signed_percent(v)}" for k, v in profile.closure.items())
    lines = [
        f"{profile.device} step on {hardware}; batch {_known(profile.batch, str)}, "
        f"host threads {_known(profile.threads, str)}",
        f"with the profiler {milliseconds(profile.profiled_mean_us / 1e3)} a step "
        f"({milliseconds(profile.profiled_p10_us / 1e3)} – "
        f"{milliseconds(profile.profiled_p90_us / 1e3)}), closure {closure}",
        f"without the profiler {_known(profile.step_us, lambda us: milliseconds(us / 1e3))}, "
        f"peak memory {_known(profile.peak_bytes, size)}, "
        f"job type {_known(profile.job_type, str)}",
        f"{profile.steps_used} of {profile.steps_found} steps, found by {profile.steps_told}",
        _work(profile.operators),
        f"{UNKNOWN}: {NEVER_KNOWN}",
    ]
    if profile.outside_nodes:
        lines.append(f"{profile.outside_nodes:.3g} operators a step outside of autograd's nodes")
    lines += _left_out(profile)
    return Text("\n".join(lines))


def _left_out(profile: ImportedProfile) -> list[str]:
    """Lines about the work that is in no row; for a GPU also if there is none."""
    found = []
    if profile.other_operators:
        time = f", {milliseconds(profile.other_us / 1e3)} a step" if profile.other_us else ""
        found.append(f"left out: {profile.other_operators} operators of other threads{time}")
    if profile.unclaimed_us:
        lost = milliseconds(profile.unclaimed_us / 1e3)
        share = percent(profile.left_out_share)
        found.append(f"left out: {lost} a step of device work ({share} of it) in no operator's row")
    elif profile.device == "gpu":
        found.append("left out: no device work")
    return found


def _known(value: T | None, write: Callable[[T], str]) -> str:
    return UNKNOWN if value is None else write(value)


def _work(rows: Sequence[OperatorCost]) -> str:
    """FLOPs and bytes of a step, each operator once, and the number of operators without them."""
    once = list({row.index: row for row in rows}.values())
    flops = [row.flops for row in once]
    moved = [row.moved_bytes for row in once]
    done = _total(flops, lambda n: count(n, "FLOP"))
    return f"FLOPs of a step: {done}, bytes: {_total(moved, size)}"


def _total(
    values: Sequence[int | None], write: Callable[[int], str], *, in_part: bool = True
) -> str:
    known = [value for value in values if value is not None]
    missing = len(values) - len(known)
    if not known or (missing and not in_part):
        return UNKNOWN
    rest = f" ({missing} of {len(values)} operators {UNKNOWN})" if missing else ""
    return f"{write(sum(known))}{rest}"


def _lane_table(profile: ImportedProfile) -> NumberTable:
    shares = lane_shares(profile)
    table = NumberTable("Lanes of a step").words("").numbers(*(share.lane for share in shares))
    table.add_row("operators", *(str(share.operators) for share in shares))
    table.add_row("busy", *(milliseconds(share.busy_us / 1e3) for share in shares))
    table.add_row("gaps", *(milliseconds(share.gaps_us / 1e3) for share in shares))
    for name in CLASSES:
        if any(name in share.by_class for share in shares):
            table.add_row(name, *(percent(share.by_class.get(name)) for share in shares))
    return table


def _gap_table(profile: ImportedProfile) -> NumberTable:
    table = NumberTable("The host's time outside its operators").words("gap")
    table.numbers("a step", "share of the step")
    for name, spent_us in host_gaps(profile).items():
        share = percent(spent_us / profile.profiled_mean_us)
        table.add_row(name, milliseconds(spent_us / 1e3), share)
    return table


def _operator_table(profile: ImportedProfile, lane: str, top: int) -> NumberTable:
    """Operators by phase and name, the most expensive first."""
    grouped: dict[tuple[str, str], list[OperatorCost]] = defaultdict(list)
    rows = [row for row in profile.operators if row.lane == lane]
    for row in rows:
        grouped[row.phase or UNKNOWN, row.operator.removeprefix("aten::")].append(row)
    table = NumberTable(f"Operators on the {lane} lane").words("phase").shortened("operator", 26)
    table.numbers("calls", "time", "gaps before", "share", "work", "bytes")
    total_us = sum(row.mean_us + row.gap_before_us for row in rows)
    ordered = sorted(grouped.items(), key=lambda item: -_busy_us(item[1]))
    for (phase, operator), found in ordered[:top]:
        # Names of kernels have brackets, which are no markup.
        table.add_row(phase, Text(operator), *_cells(found, total_us))
    if rest := [row for _, found in ordered[top:] for row in found]:
        table.add_row("", f"{len(ordered) - top} more", *_cells(rest, total_us), style="dim")
    return table


def _busy_us(rows: Iterable[OperatorCost]) -> float:
    return sum(row.mean_us for row in rows)


def _cells(rows: Sequence[OperatorCost], total_us: float) -> list[str]:
    flops, moved = [row.flops for row in rows], [row.moved_bytes for row in rows]
    return [
        str(len(rows)),
        milliseconds(_busy_us(rows) / 1e3),
        milliseconds(sum(row.gap_before_us for row in rows) / 1e3),
        percent(_busy_us(rows) / total_us if total_us else None),
        _total(flops, lambda n: count(n, "FLOP"), in_part=False),
        _total(moved, size, in_part=False),
    ]
