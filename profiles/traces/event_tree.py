"""The events of one host thread as trees: each with the events inside it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from profiles.traces.trace_events import (
    DRIVER_CALLS,
    OPERATOR,
    PYTHON,
    TraceEvent,
    is_profiler_step,
    may_go_on,
)

MODULE = "nn.Module: "
"""The start of the names of Python events that are calls of modules. All others are left out."""
_US = 1_000
_ENGINE = "autograd::engine"


@dataclass
class Node:
    """An event and those inside it, in order. ``goes_on`` says that it lasts beyond the event in
    which it begins, or beyond the beginning of one that ends after it."""

    event: TraceEvent
    children: list[Node] = field(default_factory=list)
    goes_on: bool = False

    def below(self) -> Iterator[Node]:
        """This node and all inside it."""
        yield self
        for child in self.children:
            yield from child.below()


def cut_to_us(events: Sequence[TraceEvent]) -> bool:
    """True if most times are whole microseconds: older profilers cut off the rest."""
    whole = sum(e.start_ns % _US == 0 and e.duration_ns % _US == 0 for e in events)
    return 2 * whole > len(events)


def event_trees(events: Iterable[TraceEvent], cut_off: bool = False) -> list[Node]:
    """Builds trees of events, by time. Of events that begin together, the longest is outside. An
    event that may go on by itself encloses no event that ends later, and lies inside no event that
    ends earlier.

    ``cut_off`` says that times are whole microseconds. An event that begins when another is over
    may then have begun inside it. It counts as inside, unless events of its name more often clearly
    follow such an event than lie inside it, after the same others.
    """
    kept = [e for e in events if e.category != PYTHON or e.name.startswith(MODULE)]
    kept.sort(key=_begins_cut_off if cut_off else _begins)
    top = _trees(kept, None)
    if cut_off:
        top = _trees(kept, _Clear(top))
        for node in top:
            _lengthen(node)
    return top


def _begins(event: TraceEvent) -> tuple[int, int]:
    return event.start_ns, -event.duration_ns


def _begins_cut_off(event: TraceEvent) -> tuple[int, int, int, int]:
    """The sort key of an event. The profiler numbers operators as they begin, and a call of the
    driver has the number of its operator. Without numbers, and at equal times, autograd's events
    are outside."""
    rank = 0 if event.name.startswith(_ENGINE) else 2 if "::" in event.name else 1
    rank = 3 if event.category in DRIVER_CALLS else rank
    return event.start_ns, event.external, -event.duration_ns, rank


def _trees(events: Iterable[TraceEvent], clear: _Clear | None) -> list[Node]:
    """The trees of sorted ``events``."""
    top: list[Node] = []
    around: list[tuple[Node, int]] = []
    for event in events:
        node = Node(event)
        while around:
            outer, history = around[-1]
            over = outer.event.end_ns <= event.start_ns and not (
                clear and clear.is_inside(event, outer.event, history)
            )
            if not (over or _goes_on(outer, node)):
                break
            around.pop()
        if around:
            outer, history = around[-1]
            outer.children.append(node)
            around[-1] = (outer, _history(history, event))
            node.goes_on = may_go_on(event.name) and _ends_later(node, outer)
        else:
            top.append(node)
        if not node.goes_on:
            around.append((node, _history(0, event)))
    return top


def _history(before: int, event: TraceEvent) -> int:
    """A hash of the events that began in an event so far: its own name, and those inside it."""
    return hash((before, event.name))


class _Clear:
    """Statistics of the trees by time alone: the operators inside others, and those after them, by
    their history and, if that decides nothing, by their names."""

    def __init__(self, trees: Sequence[Node]) -> None:
        # Where a child ends after its parent not their ends were cut off, but how long they lasted.
        self._rounded_ns = _US if any(map(_has_late, trees)) else 0
        self._inside: Counter[Hashable] = Counter()
        self._after: Counter[Hashable] = Counter()
        self._look(trees)

    def is_inside(self, event: TraceEvent, outer: TraceEvent, history: int) -> bool:
        """True if ``event``, which begins when ``outer`` is over, lies inside it."""
        if not self._may_be(event, outer):
            return False
        for key in (_history(history, event), (outer.name, event.name)):
            if self._inside[key] or self._after[key]:
                return self._inside[key] > self._after[key]
        return not self._rounded_ns

    def _may_be(self, event: TraceEvent, outer: TraceEvent) -> bool:
        last_ns = outer.end_ns + self._rounded_ns
        return outer.category == OPERATOR and event.start_ns <= last_ns and event.end_ns <= last_ns

    def _look(self, nodes: Sequence[Node]) -> None:
        histories = []
        for node in nodes:
            outer, history = node.event, _history(0, node.event)
            for child in node.children:
                history = _history(history, child.event)
                self._inside[history] += 1
                self._inside[outer.name, child.event.name] += 1
            histories.append(history)
            self._look(node.children)
        for (node, later), history in zip(itertools.pairwise(nodes), histories, strict=False):
            if later.event.start_ns > node.event.end_ns + self._rounded_ns:
                self._after[_history(history, later.event)] += 1
                self._after[node.event.name, later.event.name] += 1


def _has_late(node: Node) -> bool:
    """True if an event overlaps the end of an operator."""
    return any(
        _has_late(child)
        or (_ends_later(child, node) and not child.goes_on and node.event.category == OPERATOR)
        for child in node.children
    )


def _lengthen(node: Node) -> int:
    """Makes ``node`` and all below it last as long as the events inside them; returns its end. A
    step that the profiler marks lies inside nothing, even if it begins in an event."""
    event = node.event
    within = [c for c in node.children if not (c.goes_on or is_profiler_step(c.event))]
    end_ns = max([event.end_ns, *map(_lengthen, within)])
    if end_ns > event.end_ns:
        node.event = replace(event, duration_ns=end_ns - event.start_ns)
    return end_ns


def _goes_on(node: Node, later: Node) -> bool:
    """True if ``node`` ends during ``later``; it is then marked."""
    node.goes_on = node.goes_on or (may_go_on(node.event.name) and _ends_later(later, node))
    return node.goes_on


def _ends_later(one: Node, other: Node) -> bool:
    return one.event.end_ns > other.event.end_ns
