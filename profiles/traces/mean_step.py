"""The rows of the mean step: finds steps of a trace with equal training, and pairs their rows.

Training is equal if steps call the same operators on the same lanes, thread by thread, but for
operators that vary: the input, copies of it, reads of values, and those outside of autograd's nodes
on the threads that run these. Each step may have a different number of these.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from profiles.traces.host_calls import HostCall, brings_input, reads_values
from profiles.traces.lane_rows import LaneRow

Signature: TypeAlias = tuple[tuple[bool, str, str, int], ...]
_PASSES = ("forward", "backward")


@dataclass(frozen=True)
class _Unit:
    """The rows of one operator in one step; ``on_main`` says that the main thread called it, and
    ``varies`` that steps may differ in it."""

    rows: tuple[LaneRow, ...]
    on_main: bool
    varies: bool

    @property
    def call(self) -> HostCall:
        """The operator."""
        return self.rows[0].call

    @property
    def places(self) -> tuple[tuple[str, str, int], ...]:
        """Its name on each of its lanes."""
        return tuple((self.call.name, row.lane, row.device) for row in self.rows)


@dataclass
class Column:
    """The rows of one operator on one lane, one for each step (None: the step has none). Values
    without a mean (phase, module) are those of the ``typical`` one."""

    typical: LaneRow
    rows: list[LaneRow | None]

    @property
    def known(self) -> list[LaneRow]:
        """The rows that are not None."""
        return [row for row in self.rows if row is not None]


def training_of(rows: Sequence[LaneRow], main: str) -> Signature:
    """The signature of a step's training from its ``rows``, thread by thread."""
    units = [unit for unit in _units(rows, main) if not unit.varies]
    units.sort(key=lambda unit: not unit.on_main)
    return tuple((unit.on_main, *place) for unit in units for place in unit.places)


def columns(steps: Sequence[Sequence[LaneRow]], main: str) -> list[Column]:
    """The rows of ``steps`` with equal training, operator by operator, in the order of the step
    with most rows. Rows that it lacks are placed as in the first step that has them."""
    fullest = max(range(len(steps)), key=lambda place: len(steps[place]))
    found: dict[tuple[object, ...], tuple[tuple[int, int], dict[int, _Unit]]] = {}
    numbers = itertools.count(1)
    for place in (fullest, *(place for place in range(len(steps)) if place != fullest)):
        before = {True: -1, False: -1}
        for at, (key, unit) in enumerate(_keyed(_units(steps[place], main))):
            if key not in found:
                order = (at, 0) if place == fullest else (before[unit.on_main], next(numbers))
                found[key] = (order, {})
            before[unit.on_main] = found[key][0][0]
            found[key][1][place] = unit
    return [
        column
        for _, units in sorted(found.values(), key=lambda item: item[0])
        for column in _columns(units, len(steps))
    ]


def _columns(units: dict[int, _Unit], steps: int) -> Iterator[Column]:
    """The columns of one operator, one for each lane."""
    first = next(iter(units.values()))
    for lane in range(len(first.rows)):
        rows = [units[place].rows[lane] if place in units else None for place in range(steps)]
        yield Column(first.rows[lane], rows)


def _units(rows: Sequence[LaneRow], main: str) -> Iterator[_Unit]:
    """The operators of a step in order. A copy of unknown phase belongs to the input unless a
    forward or backward pass is under way."""
    within = False
    for _, grouped in itertools.groupby(rows, key=lambda row: id(row.call)):
        of_call = tuple(grouped)
        call = of_call[0].call
        on_main = call.thread == main
        copies = all(row.phase in ("input", "copy") for row in of_call)
        brings = on_main and not within and brings_input(call)
        varies = copies or brings or call.outside_nodes or reads_values(call)
        yield _Unit(of_call, on_main, varies)
        if call.phase in _PASSES:
            within = True
        elif call.phase == "optimizer":
            within = False


def _keyed(units: Iterator[_Unit]) -> Iterator[tuple[tuple[object, ...], _Unit]]:
    """Yields each unit with the key that pairs it with units of other steps: for operators that
    vary, the name and the number since the last one that does not."""
    since: dict[bool, int] = {True: 0, False: 0}
    seen: Counter[tuple[object, ...]] = Counter()
    for unit in units:
        where = (unit.on_main, since[unit.on_main])
        if unit.varies:
            like = (*where, unit.places)
            seen[like] += 1
            yield (*like, seen[like]), unit
        else:
            yield where, unit
            since[unit.on_main] += 1
