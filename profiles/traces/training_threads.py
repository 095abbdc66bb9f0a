"""Finds the threads of a trace that train: the main one, and those that run autograd's nodes for
it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set

from profiles.traces.host_calls import HostCall

Calls = Mapping[str, Sequence[HostCall]]
Nodes = Mapping[str, Set[int]]
_NO_NUMBER = -1


def main_thread(by_thread: Calls, nodes: Nodes, marked: Collection[str]) -> str:
    """The thread that calls most operators of an optimizer outside of autograd's nodes; if none
    does, the one on which the profiler ``marked`` steps; else the one that calls most operators
    outside of nodes. ``nodes`` are the numbers of the nodes that each thread runs: between equal
    threads the main one is the one whose operators most nodes of others belong to."""

    def weight(thread: str) -> tuple[int, bool, int, int, str]:
        outside = [call for call in by_thread[thread] if not call.in_node]
        optimizer = sum(call.phase == "optimizer" for call in outside)
        elsewhere = {n for other, found in nodes.items() if other != thread for n in found}
        tied = len(_recorded(outside) & elsewhere)
        return optimizer, thread in marked, len(outside), tied, thread

    return max(by_thread, key=weight, default="")


def backward_threads(by_thread: Calls, nodes: Nodes, main: str) -> set[str]:
    """The threads besides ``main`` that run autograd's nodes for it: all of their operators are in
    nodes, or more of their nodes belong to operators of ``main`` than to their own. Both may call
    operators outside of nodes (a reducer's copies).

    A thread that trains separately runs the nodes of its own operators. If numbers do not show the
    owner of nodes, the thread that runs most of them runs those of ``main``, unless ``main`` or a
    thread that works for it runs some. Threads of other processes work for these.
    """
    mains = _recorded(call for call in by_thread.get(main, ()) if not call.in_node)
    found: set[str] = set()
    unclear: dict[str, int] = {}
    for thread, calls in by_thread.items():
        if thread == main or not nodes[thread] or _process(thread) != _process(main):
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


def of_others(by_thread: Calls, main: str, shared: Set[str]) -> list[HostCall]:
    """The calls of the ``shared`` threads, which run autograd's nodes for ``main``, for threads
    that run none. A call without a number goes with the node before it on its thread."""
    owners = _owners(by_thread, main, shared)
    found: list[HostCall] = []
    for thread in shared:
        owner = main
        for call in by_thread[thread]:
            if call.outermost is not None:
                owner = owners[call.outermost.forward_thread]
            found += [call] if owner not in {main, *shared} else []
    return found


def _owners(by_thread: Calls, main: str, shared: Set[str]) -> dict[int, str]:
    """The owners of the nodes on ``shared`` threads, by autograd's number of the owner's thread:
    the thread that had called most of these operators before their nodes began, the last of
    several. Each thread has one number, and ``main`` the one that fits it best."""
    ended = {
        thread: {
            number: call.end_ns
            for call in reversed(calls)
            if call.in_node == (thread in shared)
            for number in call.sequence
        }
        for thread, calls in by_thread.items()
        if _process(thread) == _process(main)
        and (thread in {main, *shared} or not any(call.in_node for call in calls))
    }
    begun: dict[int, dict[int, int]] = defaultdict(dict)
    for thread in shared:
        for call in by_thread[thread]:
            if (node := call.outermost) is not None:
                begun[node.forward_thread].setdefault(node.sequence, node.start_ns)

    def fits(thread: str, number: int) -> tuple[int, int]:
        of_thread = ended.get(thread, {})
        since = [at_ns - of_thread[n] for n, at_ns in begun[number].items() if n in of_thread]
        since = [time_ns for time_ns in since if time_ns >= 0]
        return len(since), -sum(since)

    owners = dict.fromkeys(begun, main)
    of_main = max(begun, key=lambda number: fits(main, number), default=0)
    for number in begun.keys() - {of_main}:
        owner = max(ended.keys() - {main}, key=lambda thread: (*fits(thread, number), thread))
        if any(fits(owner, number)):
            owners[number] = owner
    return owners


def _process(thread: str) -> str:
    """The process of a thread ``process/thread``; "" if all are of one."""
    return thread.rpartition("/")[0]


def _recorded(calls: Iterable[HostCall]) -> set[int]:
    return {number for call in calls for number in call.sequence}
