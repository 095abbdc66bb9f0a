"""The events of one host thread as trees: each with those that lie inside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from profiles.traces.communication import may_go_on
from profiles.traces.trace_events import PYTHON, TraceEvent

MODULE = "nn.Module: "
"""How the events of Python begin that are calls of modules. All others are left out."""


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


def event_trees(events: Iterable[TraceEvent]) -> list[Node]:
    """Events as trees, by time; of those that begin together the longest is outside. What may go
    on by itself lies around nothing that ends later, and inside what ends earlier around
    nothing."""
    kept = (e for e in events if e.category != PYTHON or e.name.startswith(MODULE))
    top: list[Node] = []
    around: list[Node] = []
    for event in sorted(kept, key=lambda event: (event.start_ns, -event.duration_ns)):
        node = Node(event)
        while around and (around[-1].event.end_ns <= event.start_ns or _goes_on(around[-1], node)):
            around.pop()
        (around[-1].children if around else top).append(node)
        node.goes_on = bool(around) and may_go_on(event.name) and _ends_later(node, around[-1])
        if not node.goes_on:
            around.append(node)
    return top


def _goes_on(node: Node, later: Node) -> bool:
    """Whether ``node`` ends while ``later`` is under way; it is marked then."""
    node.goes_on = node.goes_on or (may_go_on(node.event.name) and _ends_later(later, node))
    return node.goes_on


def _ends_later(one: Node, other: Node) -> bool:
    return one.event.end_ns > other.event.end_ns
