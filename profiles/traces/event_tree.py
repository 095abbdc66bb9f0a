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
    """An event and those inside it, in order."""

    event: TraceEvent
    children: list[Node] = field(default_factory=list)

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
        while around and _is_over(around[-1].event, event):
            around.pop()
        node = Node(event)
        (around[-1].children if around else top).append(node)
        if not (around and may_go_on(event.name) and event.end_ns > around[-1].event.end_ns):
            around.append(node)
    return top


def _is_over(event: TraceEvent, later: TraceEvent) -> bool:
    """Whether ``event`` is not around ``later``."""
    return event.end_ns <= later.start_ns or (may_go_on(event.name) and event.end_ns < later.end_ns)
