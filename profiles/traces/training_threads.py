"""Which threads of a trace train: the main one, and those that run autograd's nodes for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set

from profiles.traces.host_calls import HostCall

Calls = Mapping[str, Sequence[HostCall]]
Nodes = Mapping[str, Set[int]]
_NO_NUMBER = -1


def main_thread(by_thread: Calls, nodes: Nodes, marked: Collection[str]) -> str:
    """The thread that calls most operators of an optimizer outside of autograd's nodes; if none
    does, the one on which the profiler ``marked`` steps; else the one that calls most operators
    outside of nodes. ``nodes`` are the numbers of the nodes that each thread runs: of threads that
    are alike the main one is that to whose operators most nodes of others belong."""

    def weight(thread: str) -> tuple[int, bool, int, int, str]:
        outside = [call for call in by_thread[thread] if not call.in_node]
        optimizer = sum(call.phase == "optimizer" for call in outside)
        elsewhere = {n for other, found in nodes.items() if other != thread for n in found}
        tied = len(_recorded(outside) & elsewhere)
        return optimizer, thread in marked, len(outside), tied, thread

    return max(by_thread, key=weight, default="")


def backward_threads(by_thread: Calls, nodes: Nodes, main: str) -> set[str]:
    """The threads besides ``main`` that run autograd's nodes for it: all of whose operators lie in
    nodes, or more of whose nodes belong to operators of ``main`` than to their own. Both may call
    operators outside of nodes (a reducer's copies).

    A thread that trains something of its own runs the nodes of its own operators. Where no numbers
    tell whose nodes they are, the one that runs most of them runs those of ``main``, unless
    ``main`` or a thread that is known to work for it runs some.
    """
    mains = _recorded(call for call in by_thread.get(main, ()) if not call.in_node)
    found: set[str] = set()
    unclear: dict[str, int] = {}
    for thread, calls in by_thread.items():
        if thread == main or not nodes[thread]:
            continue
        own = _recorded(call for call in calls if not call.in_node)
        numbers = nodes[thread] - {_NO_NUMBER}
        if all(call.in_node for call in calls) or len(numbers & mains) > len(numbers & own):
            found.add(thread)
        elif not numbers & own:
            unclear[thread] = sum(call.in_node for call in calls)
    if unclear and not found and not nodes[main]:
        found.add(max(unclear, key=unclear.__getitem__))
    return found


def _recorded(calls: Iterable[HostCall]) -> set[int]:
    return {number for call in calls for number in call.sequence}
