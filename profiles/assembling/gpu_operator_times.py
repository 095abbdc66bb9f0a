"""A step on a GPU: its operators by lane, with the profiler's cost taken out.

The profiler slows the host; kernels and copies are timed by the GPU. Its events lengthen the host's
work, delay each launch by all events before it, and shorten the time that the host waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from profiles.assembling.operator_times import Times
from profiles.machines.gpu_rates import KERNEL_GAP_US
from profiles.traces.device_steps import TIMES
from profiles.traces.profiler_events import INPUT_MARK, Called, check_same_operators
from profiles.work.operator_formulas import NOTHING, OperatorWork
from rmixer.operators.operator_cost import PHASES, OperatorCost


@dataclass(frozen=True)
class Operation:
    """One operator of a step: its ``calls`` in the structure (none for a launch outside of all
    operators), and its phase."""

    name: str
    calls: tuple[Called, ...]
    phase: str

    @property
    def work(self) -> OperatorWork:
        """The work of all calls; calls that were not counted have none."""
        return sum((call.work or NOTHING for call in self.calls), NOTHING)


@dataclass(frozen=True)
class DeviceTimes:
    """Corrected ``times`` [steps, rows] in microseconds by name, of ``rows`` (an operator's place
    in ``operations``, lane)."""

    rows: Sequence[tuple[int, str]]
    operations: Sequence[Operation]
    times: Mapping[str, Times]
    threads: int

    @property
    def lanes_us(self) -> dict[str, float]:
        """The step time by lane: for ``cpu`` the host's time, waiting included; for the others work
        and the gaps before it."""
        mean = {name: values.mean(axis=0) for name, values in self.times.items()}
        own = self._on("cpu")
        host_us = sum(mean[name].sum() for name in ("host", "t1", "wait")) + mean["busy"][own].sum()
        found = {"cpu": float(host_us)}
        for lane in ("gpu", "link"):
            at = self._on(lane)
            if at.any():
                found[lane] = float((mean["busy"] + mean["gap_before"])[at].sum())
        return found

    def costs(self) -> list[OperatorCost]:
        """A row of ``operators.csv`` for each row of a device. The host's work since the row
        before, with operators that had no device work, is in its T1, without the input, which
        belongs to the step on the CPU."""
        mean = {name: values.mean(axis=0) for name, values in self.times.items()}
        p10, p50, p90 = np.quantile(self.times["busy"], (0.1, 0.5, 0.9), axis=0)
        kept = [row for row, (_, lane) in enumerate(self.rows) if lane != "cpu"]
        t1_us, wait_us = self._since_the_row_before(mean)
        places = dict.fromkeys(self.rows[row][0] for row in kept)
        index = {place: number for number, place in enumerate(places)}
        forward = self._forward_places(index)
        workers = self._workers()
        found = []
        for row in kept:
            place, lane = self.rows[row]
            operation = self.operations[place]
            work = operation.work if row == workers[place] else NOTHING
            call = operation.calls[0] if operation.calls else Called(operation.name, 0.0)
            found.append(
                OperatorCost(
                    index=index[place],
                    phase=operation.phase,
                    module=call.module,
                    operator="input" if operation.name == INPUT_MARK else operation.name,
                    forward_index=forward.get(call.forward_index, -1),
                    shapes=call.operands,
                    **vars(work),
                    lane=lane,
                    threads=self.threads,
                    p10_us=float(p10[row]),
                    p50_us=float(p50[row]),
                    p90_us=float(p90[row]),
                    mean_us=float(mean["busy"][row]),
                    gap_before_us=float(mean["gap_before"][row]),
                    host_us=float(mean["host"][row]),
                    t1_us=t1_us[row],
                    wait_us=wait_us[row],
                    **dict[str, Any]((f"t{n}_us", float(mean[f"t{n}"][row])) for n in range(2, 6)),
                )
            )
        return found

    def _on(self, lane: str) -> Any:
        return np.array([each == lane for _, each in self.rows])

    def _workers(self) -> dict[int, int]:
        """By operator the row that its work counts for: the GPU's if there is one."""
        found: dict[int, int] = {}
        for row, (place, lane) in enumerate(self.rows):
            if lane == "gpu" or place not in found:
                found[place] = row
        return found

    def _forward_places(self, index: Mapping[int, int]) -> dict[int, int]:
        """A mapping from a place in the structure's calls to the operator's index here."""
        found: dict[int, int] = {}
        number = 0
        for place, operation in enumerate(self.operations):
            for _ in operation.calls:
                if place in index:
                    found[number] = index[place]
                number += 1
        return found

    def _since_the_row_before(
        self, mean: Mapping[str, Times]
    ) -> tuple[dict[int, float], dict[int, float]]:
        """T1 and waiting by row of a device, with those of the host's own rows since the one
        before. The rest after the last row counts for the first, because steps follow each other.
        """
        t1_us: dict[int, float] = {}
        wait_us: dict[int, float] = {}
        since_us = waited_us = 0.0
        for row, (place, lane) in enumerate(self.rows):
            since_us += float(mean["t1"][row])
            waited_us += float(mean["wait"][row])
            if lane != "cpu":
                t1_us[row], wait_us[row] = since_us, waited_us
                since_us = waited_us = 0.0
            elif self.operations[place].phase != PHASES[0]:
                since_us += float(mean["busy"][row])
        if t1_us:
            first = min(t1_us)
            t1_us[first] += since_us
            wait_us[first] += waited_us
        return t1_us, wait_us


def merge_device(
    calls: Sequence[Called], profiled: Sequence[dict[str, Any]], event_us: float, threads: int
) -> DeviceTimes:
    """The operators ``calls`` with the times of all ``profiled`` blocks on a GPU.

    Each event inside an operator costs the host ``event_us``; of its own event half falls inside,
    and the rest into the gap before it; T2 to T5 shrink with it. A gap on a device shrinks by the
    events between the launch before and this one, but the least gap between two kernels stays.
    Where the host becomes quicker and the GPU does not, the host's waiting time grows, if it waits
    at all.
    """
    first = profiled[0]
    for block in profiled:
        check_same_operators(_by_lane(first), _by_lane(block))
    raw = {name: np.concatenate([b["times"][name] for b in profiled]) for name in TIMES}
    own, on_gpu = (np.array([at == lane for _, at in first["rows"]]) for lane in ("cpu", "gpu"))
    # A stalled machine during one operator says nothing about the operator.
    totals = (raw["host"] + raw["t1"] + raw["wait"] + raw["busy"] * own).sum(axis=1)
    raw = {name: values[totals <= 10 * np.median(totals)] for name, values in raw.items()}
    is_first = first["inside"] > 0
    inside_us = event_us * (first["inside"] - 0.5) * is_first
    worked = {
        "host": raw["host"] - inside_us * ~own,
        "busy": raw["busy"] - inside_us * own,
        "t1": raw["t1"] - event_us * (first["before"] + 0.5) * is_first,
    }
    times = {**raw, **{name: np.maximum(0.0, values) for name, values in worked.items()}}
    within = _ratio(times["host"], raw["host"])
    times |= {name: raw[name] * within for name in ("t2", "t3", "t4", "t5")}
    least_us = np.minimum(raw["gap_before"], KERNEL_GAP_US * np.maximum(1, first["launches"]))
    times["gap_before"] = np.maximum(least_us, raw["gap_before"] - event_us * first["between"])
    quicker_us = sum((raw[name] - times[name]).sum(axis=1) for name in worked)
    earlier_us = ((raw["gap_before"] - times["gap_before"]) * on_gpu).sum(axis=1)
    waited_us = raw["wait"].sum(axis=1)
    longer_us = np.maximum(0.0, waited_us + quicker_us - earlier_us)
    times["wait"] = raw["wait"] * _ratio(longer_us, waited_us)[:, None]
    return DeviceTimes(
        rows=first["rows"],
        operations=_operations(calls, first["operators"], first["names"]),
        times=times,
        threads=threads,
    )


def _ratio(part: Times, whole: Times) -> Times:
    """``part`` over ``whole``; 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def _by_lane(block: dict[str, Any]) -> list[str]:
    """The name and lane of each row of ``block``."""
    return [
        f"{'+'.join(block['names'][place]) or 'a launch'} ({lane}, operator {place})"
        for place, lane in block["rows"]
    ]


def _operations(
    calls: Sequence[Called], operators: Sequence[str], names: Sequence[Sequence[str]]
) -> list[Operation]:
    """The structure's ``calls``, grouped by the operator that each is or belongs to."""
    check_same_operators([call.name for call in calls], list(chain.from_iterable(names)))
    found: list[Operation] = []
    taken, phase = 0, PHASES[0]
    for name, each in zip(operators, names, strict=True):
        mine = tuple(calls[taken : taken + len(each)])
        taken += len(each)
        phase = mine[0].phase if mine else phase
        found.append(Operation(name, mine, phase))
    return found
