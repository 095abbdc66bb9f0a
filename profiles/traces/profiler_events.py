"""Turns raw events of PyTorch's profiler into operators in order, and the gaps between them.

An operator is an outermost ``aten::`` event, or the marker of the input phase. All events nested in
it, and all other events between operators, only add to the profiler's own cost.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from profiles.work.operator_formulas import OperatorWork
from rmixer.errors import RunFailed

INPUT_MARK = "rmixer::input"
PHASE_MARK = "rmixer::phase::"
MODULE_MARK = "rmixer::module::"
_BACKWARD_NODE = re.compile(r"\w+Backward\d*")
_EVALUATED = "autograd::engine::evaluate_function: "
"""Encloses each backward node and the engine's work on its gradients: that of a bias is summed
there."""


@dataclass
class Called:
    """One call of an operator. ``events`` are the profiler's events inside it, itself included;
    ``events_before`` those between the previous operator's end and this one's start. ``operands``
    are the shapes of its tensors in words, and ``work`` its work, if both were counted.
    ``sequence`` are autograd's numbers of it and its parts: of the events inside it, and of a
    custom function around it, whose own operators have none."""

    name: str
    duration_us: float
    events: int = 1
    gap_before_us: float = 0.0
    events_before: int = 0
    phase: str = ""
    module: str = ""
    forward_index: int = -1
    sequence: set[int] = field(default_factory=set)
    operands: str = ""
    work: OperatorWork | None = None


def read_calls(events: Iterable[Any]) -> list[Called]:
    """The operators among ``events`` (Kineto's) of one thread, in order, with phase and module from
    the marks around them."""
    spans = sorted(
        (event for event in events if event.name() != "[memory]"),
        key=lambda event: (event.start_ns(), -event.duration_ns()),
    )
    # In whole nanoseconds: since 1970 so many have passed that a float has lost the last ones.
    calls: list[Called] = []
    call_end_ns = 0
    around: list[tuple[int, str, int]] = []
    evaluated_end_ns = node_end_ns = 0
    node_sequence = -1
    between = 0
    for event in spans:
        name, start_ns = event.name(), event.start_ns()
        end_ns = start_ns + event.duration_ns()
        while around and around[-1][0] <= start_ns:
            around.pop()
        if calls and start_ns < call_end_ns:
            calls[-1].events += 1
            calls[-1].sequence.add(event.sequence_nr())
            continue
        if name.startswith((PHASE_MARK, MODULE_MARK)):
            around.append((end_ns, name, -1))
            continue
        if name.startswith(_EVALUATED):
            evaluated_end_ns = node_end_ns = end_ns
            node_sequence = event.sequence_nr()
        elif _BACKWARD_NODE.fullmatch(name):
            node_end_ns, node_sequence = max(end_ns, evaluated_end_ns), event.sequence_nr()
        if not name.startswith("aten::") and name != INPUT_MARK:
            between += 1
            if event.sequence_nr() >= 0:
                around.append((end_ns, "", event.sequence_nr()))
            continue
        call = Called(
            name=name,
            duration_us=event.duration_ns() / 1e3,
            gap_before_us=(start_ns - call_end_ns) / 1e3 if calls else 0.0,
            events_before=between,
            phase=_innermost(around, PHASE_MARK),
            module=_innermost(around, MODULE_MARK),
            forward_index=node_sequence if start_ns < node_end_ns else -1,
            sequence={event.sequence_nr(), *(number for *_, number in around if number >= 0)},
        )
        call_end_ns, between = end_ns, 0
        calls.append(call)
    return calls


def _innermost(around: Sequence[tuple[int, str, int]], prefix: str) -> str:
    names = (name for _, name, _ in reversed(around) if name.startswith(prefix))
    return next(names, prefix).removeprefix(prefix)


def tie_backward_to_forward(calls: Sequence[Called]) -> None:
    """Replaces each backward operator's sequence number by the index of the forward operator that
    recorded it, and gives it that one's module. It is the last one to start with that number, or
    else with the one next below: in-place work on a view records several, and the backward pass
    records higher ones."""
    recorded: dict[int, int] = {}
    for index, call in enumerate(calls):
        if call.phase == "forward":
            recorded.update((number, index) for number in call.sequence if number >= 0)
    numbers = sorted(recorded)
    for call in calls:
        number = call.forward_index if call.phase == "backward" else -1
        below = bisect_right(numbers, number)
        known = number in recorded or 0 < below < len(numbers)
        call.forward_index = recorded[numbers[below - 1]] if known else -1
        if call.forward_index >= 0:
            call.module = calls[call.forward_index].module


def split_steps(calls: Sequence[Called]) -> list[list[Called]]:
    """The whole steps among ``calls``: from one input mark to the next. Calls after the last mark
    are not a step."""
    starts = [index for index, call in enumerate(calls) if call.name == INPUT_MARK]
    return [list(calls[first:last]) for first, last in itertools.pairwise(starts)]


def check_same_operators(names: Sequence[str], others: Sequence[str]) -> None:
    """Raise :class:`RunFailed`, which names the first operators that differ, unless two steps run
    the same."""
    for one, another in itertools.zip_longest(names, others, fillvalue="nothing more"):
        if one != another:
            where = f"where one runs {one}, another runs {another}"
            raise RunFailed(f"the step does not run the same operators every time: {where}")


def transient_peak_bytes(events: Iterable[Any]) -> int:
    """The highest running sum of the allocator's own events."""
    return highest_sum(allocations(events))


def allocations(events: Iterable[Any]) -> Iterator[tuple[int, int]]:
    """Yields the time and the bytes of each allocation (negative if freed)."""
    for event in events:
        if event.name() == "[memory]":
            yield event.start_ns(), event.nbytes()


def highest_sum(changes: Iterable[tuple[int, int]]) -> int:
    """The highest running sum of bytes, each with its time."""
    sizes = (size for _, size in sorted(changes, key=lambda change: change[0]))
    return max(itertools.accumulate(sizes, initial=0))
