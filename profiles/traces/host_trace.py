"""All operators of the threads that train, tied to each other and to what GPUs did for them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from profiles.traces.host_calls import HostCall, thread_calls
from profiles.traces.trace_events import DEVICE_WORK, OPERATOR, TraceEvent


@dataclass(frozen=True)
class HostTrace:
    """Operators of the ``main`` thread and of those that run autograd's nodes for it, by time.
    ``other_operators`` were called by other threads, and ``unclaimed`` is device work that no
    operator of these threads launched: both are left out."""

    calls: tuple[HostCall, ...]
    main: str
    other_operators: int
    unclaimed: tuple[TraceEvent, ...]


def read_host_trace(events: Sequence[TraceEvent]) -> HostTrace:
    """The operators among ``events``; phases and backward operators are not tied yet.

    Device work belongs to the operator in which the driver's call of the same correlation lies;
    where that call was not recorded, to the operator of the same external id.
    """
    work: dict[int, list[TraceEvent]] = defaultdict(list)
    hosts: dict[str, list[TraceEvent]] = defaultdict(list)
    for event in events:
        if event.category not in DEVICE_WORK:
            hosts[event.thread].append(event)
        elif event.correlation > 0:
            work[event.correlation].append(event)
    by_thread = {thread: thread_calls(found, work) for thread, found in hosts.items()}
    main = _main_thread(by_thread)
    training = {
        thread
        for thread, found in hosts.items()
        if thread == main or (_runs_nodes(found) and _runs_only_nodes(by_thread[thread]))
    }
    calls = sorted(
        (call for thread in training for call in by_thread[thread]),
        key=lambda call: (call.start_ns, call.end_ns),
    )
    unclaimed = _claim(calls, [e for e in events if e.category in DEVICE_WORK])
    others = sum(len(found) for thread, found in by_thread.items() if thread not in training)
    return HostTrace(tuple(calls), main, others, tuple(unclaimed))


def _main_thread(by_thread: dict[str, list[HostCall]]) -> str:
    """The one that calls most operators outside of autograd's nodes, the optimizer's before all
    others."""

    def weight(thread: str) -> tuple[int, int, str]:
        phases = Counter(call.phase for call in by_thread[thread])
        return phases["optimizer"], phases.total() - phases["backward"], thread

    return max(by_thread, key=weight, default="")


def _runs_nodes(events: Iterable[TraceEvent]) -> bool:
    return any(
        event.category == OPERATOR and event.name.startswith("autograd::engine") for event in events
    )


def _runs_only_nodes(calls: Iterable[HostCall]) -> bool:
    """Whether all of a thread's operators are of backward passes: else it trains something of its
    own."""
    return all(call.phase == "backward" for call in calls)


def _claim(calls: Iterable[HostCall], done: Sequence[TraceEvent]) -> list[TraceEvent]:
    """Give work whose launch was not recorded to the operator of its external id; the rest is
    returned."""
    launched: set[int] = set()
    by_external: dict[int, HostCall] = {}
    for call in calls:
        launched.update(id(event) for launch in call.launches for event in launch.work)
        for node in call.tree.below():
            if node.event.category == OPERATOR and node.event.external >= 0:
                by_external[node.event.external] = call
    unclaimed = []
    for event in done:
        if id(event) in launched:
            continue
        owner = by_external.get(event.external)
        if owner is None:
            unclaimed.append(event)
        else:
            owner.work += (event,)
    return unclaimed


def tie(calls: Sequence[HostCall], main: str) -> None:
    """Give the operators of one step the phases that follow from each other, and each backward
    one the index and the module of its forward operator.

    A forward operator is one whose sequence number a backward node of this step bears: the last
    to start with it. What lies between the first and the last of them on the ``main`` thread is
    forward, too; before and after nothing tells. Inside an optimizer, which calls both passes
    where it was given a closure, that is so up to the next backward pass. Autograd counts the
    operators of each thread apart: where several threads had a forward pass, the numbers of most
    nodes are the main one's.
    """
    wanted = _numbers_of_main(calls)
    recorded: dict[int, int] = {}
    for index, call in enumerate(calls):
        if call.phase != "backward" and call.thread == main:
            recorded.update((number, index) for number in call.sequence & wanted)
    for call in calls:
        if call.phase == "backward" and call.node in recorded:
            call.forward_index = recorded[call.node]
            call.module = calls[call.forward_index].module
    found = recorded.values()
    _leave_optimizers(calls, set(found), main)
    for index in range(min(found), max(found) + 1) if found else ():
        if calls[index].phase is None and calls[index].thread == main:
            calls[index].phase = "forward"


def _leave_optimizers(calls: Sequence[HostCall], forward: Set[int], main: str) -> None:
    """Make forward what lies in an optimizer from the first to the last of the ``forward``
    operators before a backward pass."""
    between: list[HostCall] | None = None
    for index, call in enumerate(calls):
        if call.phase == "backward":
            between = None
        elif call.thread == main and index in forward:
            for each in (*(between or ()), call):
                each.phase = "forward" if each.phase == "optimizer" else each.phase
            between = []
        elif call.thread == main and between is not None:
            between.append(call)


def _numbers_of_main(calls: Iterable[HostCall]) -> set[int]:
    numbers: dict[int, set[int]] = defaultdict(set)
    for call in calls:
        if call.phase == "backward" and call.node >= 0:
            numbers[call.forward_thread].add(call.node)
    return max(numbers.values(), key=len, default=set())
