"""Links the operators of the threads that train to each other and to the work of GPUs for them."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from profiles.traces.event_tree import cut_to_us
from profiles.traces.host_calls import LOADER, HostCall, is_node, thread_calls
from profiles.traces.trace_events import DEVICE_WORK, OPERATOR, TraceEvent, is_profiler_step
from profiles.traces.training_threads import backward_threads, main_thread, of_others
from rmixer.operators.operator_cost import COMMUNICATION

_DRAWS = frozenset(("aten::random_", "aten::randperm", "aten::multinomial"))
_BEGINS = _DRAWS | {"aten::empty"}
_GOES_ON = _BEGINS | {
    f"aten::{name}" for name in ("item", "_local_scalar_dense", "resolve_conj", "resolve_neg")
}


@dataclass(frozen=True)
class HostTrace:
    """Operators of the ``main`` thread and of those that run autograd's nodes for it, by time.
    ``others`` were called by other threads, and ``unclaimed`` is device work that no operator of
    these threads launched: both are left out."""

    calls: tuple[HostCall, ...]
    main: str
    others: tuple[HostCall, ...]
    unclaimed: tuple[TraceEvent, ...]


def read_host_trace(events: Sequence[TraceEvent]) -> HostTrace:
    """The operators among ``events``; phases and backward operators are not linked yet.

    Device work belongs to the operator with the driver's call of the same correlation; if that call
    was not recorded, to the operator of the same external id.
    """
    work: dict[int, list[TraceEvent]] = defaultdict(list)
    hosts: dict[str, list[TraceEvent]] = defaultdict(list)
    for event in events:
        if event.category not in DEVICE_WORK:
            hosts[event.thread].append(event)
        elif event.correlation > 0:
            work[event.correlation].append(event)
    cut_off = cut_to_us([e for e in events if e.category not in DEVICE_WORK])
    by_thread = {thread: thread_calls(found, work, cut_off) for thread, found in hosts.items()}
    for thread, found in hosts.items():
        _find_iterators(by_thread[thread], found)
    marked = {event.thread for event in events if is_profiler_step(event)}
    nodes = {thread: {e.sequence for e in found if is_node(e)} for thread, found in hosts.items()}
    main = main_thread(by_thread, nodes, marked)
    shared = backward_threads(by_thread, nodes, main)
    for thread in shared:
        for call in by_thread[thread]:
            call.outside_nodes = not call.in_node
    of_other = {id(call) for call in of_others(by_thread, main, shared)}
    every = sorted(
        itertools.chain.from_iterable(by_thread.values()),
        key=lambda call: (call.start_ns, call.end_ns),
    )
    training = {main, *shared}
    calls = [call for call in every if call.thread in training and id(call) not in of_other]
    others = [call for call in every if call.thread not in training or id(call) in of_other]
    unclaimed = _claim(calls, others, [e for e in events if e.category in DEVICE_WORK])
    return HostTrace(tuple(calls), main, tuple(others), tuple(unclaimed))


def _find_iterators(calls: Sequence[HostCall], events: Iterable[TraceEvent]) -> None:
    """Make input what draws seeds and samples straight before a loader's mark among the ``events``
    of the thread that ``calls`` are of, in order. A value that is only read there is none."""
    starts = [call.start_ns for call in calls]
    for event in events:
        if not event.name.startswith(LOADER):
            continue
        end = first = bisect_left(starts, event.start_ns)
        while first and (before := calls[first - 1]).phase is None and before.name in _GOES_ON:
            first -= 1
        while first < end and calls[first].name not in _BEGINS:
            first += 1
        if any(call.name in _DRAWS for call in calls[first:end]):
            for call in calls[first:end]:
                call.phase = "input"


def _claim(
    calls: Sequence[HostCall], others: Iterable[HostCall], done: Sequence[TraceEvent]
) -> list[TraceEvent]:
    """Gives work whose launch was not recorded to the operator of its external id; returns the
    rest, with that of ``others``."""
    launched, elsewhere = _launched(calls), _launched(others)
    by_external: dict[int, HostCall] = {}
    for call in calls:
        for node in call.tree.below():
            if node.event.category == OPERATOR and node.event.external >= 0:
                by_external[node.event.external] = call
    unclaimed = []
    for event in done:
        owner = None if id(event) in elsewhere else by_external.get(event.external)
        if owner is not None and id(event) not in launched:
            owner.unlaunched += (event,)
        elif id(event) not in launched:
            unclaimed.append(event)
    return unclaimed


def _launched(calls: Iterable[HostCall]) -> set[int]:
    return {id(event) for call in calls for launch in call.launches for event in launch.work}


def tie(calls: Sequence[HostCall], main: str) -> None:
    """Gives the operators of one step the phases that follow from each other, and each backward one
    its forward operator and the module of that.

    A forward operator is one whose sequence number a backward node of this step has: the last to
    start with it; so are all within a custom function that does. All between the first and the last
    of them on the ``main`` thread is forward, too; before and after it is unknown. Inside an
    optimizer, which calls both passes if it was given a closure, this holds up to the next backward
    pass. Autograd counts the operators of each thread separately: if several threads had a forward
    pass (that of a checkpoint within the backward pass is of the thread that runs this), the first
    node is the main one's.
    """
    own = {
        index: call
        for index, call in enumerate(calls)
        if call.phase not in ("backward", "input") and call.thread == main
    }
    nodes = _nodes_of_main(calls, {n for call in own.values() for n in call.sequence})
    wanted = {call.node for call in nodes}
    recorded: dict[int, int] = {}
    for index, call in own.items():
        recorded.update((number, index) for number in call.sequence & wanted)
    for call in nodes:
        if call.node in recorded:
            call.forward = calls[recorded[call.node]]
            call.forward.recorded = True
            call.module = call.forward.module
    functions = {index for index, call in own.items() if call.functions & wanted}
    found = {*recorded.values(), *functions}
    _leave_optimizers(calls, found, main)
    for index in range(min(found), max(found) + 1) if found else ():
        if calls[index].phase is None and calls[index].thread == main:
            calls[index].phase = "forward"
    for call in calls:
        if call.phase is None and call.communicates:
            call.phase = COMMUNICATION


def _leave_optimizers(calls: Sequence[HostCall], forward: Set[int], main: str) -> None:
    """Makes operators in an optimizer forward, from the first to the last of the ``forward``
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


def _nodes_of_main(calls: Iterable[HostCall], numbers: Set[int]) -> list[HostCall]:
    """The operators in nodes of the main thread's operators, which have these ``numbers``."""
    nodes = [call for call in calls if call.phase == "backward" and call.node >= 0]
    threads = (call.forward_thread for call in nodes if call.node in numbers)
    thread = next(threads, None)
    return [call for call in nodes if call.forward_thread == thread]
