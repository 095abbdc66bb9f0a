"""The operators that the host called, with their phases and their launches on a GPU.

An operator is an outermost event with a name with a namespace (``aten::mm``), the mark of the input
phase, an event without such a name in which there is no operator (a fused kernel's), or a launch
outside of all operators. Autograd's own events, annotations and modules enclose operators and say
where they belong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from profiles.traces.event_tree import MODULE, Node, event_trees
from profiles.traces.profiler_events import INPUT_MARK, MODULE_MARK, PHASE_MARK
from profiles.traces.trace_events import (
    ANNOTATION,
    DRIVER_CALLS,
    OPERATOR,
    PYTHON,
    TraceEvent,
    is_communication,
)
from rmixer.operators.operator_cost import PHASES

_NAMESPACE = re.compile(r"[A-Za-z_]\w*::")
_AUTOGRAD = ("autograd::", "torch::autograd::")
_ENGINE = "autograd::engine"
_BACKWARD_NODE = re.compile(r"\w+Backward\d*")
LOADER = "enumerate(DataLoader)"
_PHASES = {"Optimizer.": "optimizer", LOADER: "input"}
"""The first letters of annotations that PyTorch makes by itself."""
_CLEARING = "Optimizer.zero_grad"
SYNCHRONIZE = "Synchronize"
_COPIES = frozenset(
    f"aten::{name}"
    for name in ("to", "_to_copy", "copy_", "pin_memory", "_pin_memory", "is_pinned")
)

_READS = frozenset(f"aten::{name}" for name in ("item", "_local_scalar_dense", "is_nonzero"))
_TO_HOST = "DtoH"


Work = Mapping[int, Sequence[TraceEvent]]
"""Work of devices, by correlation."""


@dataclass(frozen=True)
class Launch:
    """A call of the driver that made the device work, or waited for it (``work`` is empty)."""

    call: TraceEvent
    work: tuple[TraceEvent, ...]


@dataclass
class Around:
    """The facts from events around an operator. ``phase`` is None while it is unknown. ``in_node``
    says that it is in a node of autograd, ``node`` is the sequence number of that and
    ``forward_thread`` the thread of that number, ``outermost`` the outermost numbered node.
    ``optimizer`` is the outermost mark of an optimizer. ``communicates`` says that something is
    communication by its name. ``functions`` are the numbers of custom functions of autograd, whose
    own operators have none."""

    phase: str | None = None
    module: str = ""
    in_node: bool = False
    node: int = -1
    forward_thread: int = 0
    outermost: TraceEvent | None = None
    optimizer: TraceEvent | None = None
    communicates: bool = False
    functions: frozenset[int] = frozenset()


@dataclass(kw_only=True)
class HostCall(Around):
    """One operator. ``sequence`` are the numbers of custom functions around it, and those recorded
    inside it. ``launches`` are in order, waits among them; ``unlaunched`` is device work for it
    without a known launch; ``waited_ns`` is the time that the host waited for the device since the
    operator before. ``outside_nodes`` says that a thread which runs autograd's nodes for another
    one called it outside of them. ``forward`` is a backward operator's forward one, and
    ``recorded`` says that it is that of some."""

    name: str
    start_ns: int
    end_ns: int
    thread: str
    tree: Node
    sequence: frozenset[int] = frozenset()
    launches: tuple[Launch, ...] = ()
    unlaunched: tuple[TraceEvent, ...] = ()
    waited_ns: int = 0
    outside_nodes: bool = False
    forward: HostCall | None = None
    recorded: bool = False

    @property
    def work(self) -> list[TraceEvent]:
        """The work of devices for it."""
        return [*(event for launch in self.launches for event in launch.work), *self.unlaunched]

    @property
    def updates(self) -> bool:
        """True if an optimizer called it to do its step, not to set gradients to zero."""
        is_clearing = self.optimizer is not None and self.optimizer.name.startswith(_CLEARING)
        return self.phase == "optimizer" and not is_clearing


def thread_calls(events: Iterable[TraceEvent], work: Work, cut_off: bool = False) -> list[HostCall]:
    """Returns the operators of one host thread with these ``events``. ``cut_off`` says that all
    times are whole microseconds."""
    calls: list[HostCall] = []
    pending_ns = 0
    for found in _walk(event_trees(events, cut_off), Around(), work):
        if isinstance(found, HostCall):
            found.waited_ns, pending_ns = pending_ns, 0
            calls.append(found)
        else:
            pending_ns += found
    return calls


def _walk(nodes: Iterable[Node], around: Around, work: Work) -> Iterator[HostCall | int]:
    """Yields operators in order, and nanoseconds that the host waited between them."""
    for node in nodes:
        event = node.event
        if node.goes_on:  # it waits for other processes, whatever the host does
            yield from _walk(node.children, around, work)
        elif is_operator(event) or (_may_be_one(event) and not any(map(_inside, node.children))):
            yield _call(node, around, work)
        elif event.category not in DRIVER_CALLS:
            yield from _walk(node.children, _inner(event, around), work)
        elif event.correlation in work:
            yield _call(node, around, work)
        elif SYNCHRONIZE in event.name:
            yield event.duration_ns


def is_operator(event: TraceEvent) -> bool:
    """True if an event has the name of an operator."""
    if event.name == INPUT_MARK:
        return True
    named = event.category == OPERATOR and _NAMESPACE.match(event.name)
    return bool(named) and not event.name.startswith(_AUTOGRAD)


def is_node(event: TraceEvent) -> bool:
    """True if it is a node of autograd, or its engine's work for one."""
    return event.category == OPERATOR and (
        event.name.startswith(_ENGINE) or bool(_BACKWARD_NODE.fullmatch(event.name))
    )


def brings_input(call: HostCall) -> bool:
    """True if it is of the input, or may bring it to its device: a copy of unknown phase."""
    unknown = call.phase is None and not call.communicates
    return call.phase == "input" or (unknown and call.name in _COPIES)


def reads_values(call: HostCall) -> bool:
    """True if it reads results, as for a line of a log, which is not part of training."""
    to_host = any(_TO_HOST in event.name for event in call.work)
    before = call.phase is None and call.name == "aten::detach"
    return before or call.name in _READS or (call.name in _COPIES and to_host)


def _may_be_one(event: TraceEvent) -> bool:
    """True if it is an operator when there is none inside it."""
    bookkeeping = event.name.startswith((*_AUTOGRAD, *_PHASES)) or "#" in event.name
    return (
        event.category == OPERATOR and not bookkeeping and not _BACKWARD_NODE.fullmatch(event.name)
    )


def _inside(node: Node) -> bool:
    return any(is_operator(each.event) for each in node.below())


def _inner(event: TraceEvent, around: Around) -> Around:
    name = event.name
    if name.startswith(PHASE_MARK) and name.removeprefix(PHASE_MARK) in PHASES:
        return replace(around, phase=name.removeprefix(PHASE_MARK))
    if name.startswith(MODULE_MARK):
        return replace(around, module=name.removeprefix(MODULE_MARK))
    if event.category == PYTHON:
        module = name.removeprefix(MODULE)
        return replace(around, module=f"{around.module}.{module}" if around.module else module)
    if is_node(event):
        inner = replace(around, phase="backward", in_node=True)
        if event.sequence < 0:
            return inner
        inner = replace(inner, outermost=around.outermost or event)
        return replace(inner, node=event.sequence, forward_thread=event.forward_thread)
    if event.category in (ANNOTATION, OPERATOR):
        for start, phase in _PHASES.items():
            if name.startswith(start):
                mark = (around.optimizer or event) if phase == "optimizer" else around.optimizer
                return replace(around, phase=phase, optimizer=mark)
        if is_communication(name):
            around = replace(around, communicates=True)
    if event.category == OPERATOR and event.sequence >= 0:
        return replace(around, functions=around.functions | {event.sequence})
    return around


def _call(node: Node, around: Around, work: Work) -> HostCall:
    event = node.event
    launches = tuple(_launches([node], work))
    name = event.name
    if event.category in DRIVER_CALLS and len(launches[0].work) == 1:
        name = launches[0].work[0].name
    numbers = {each.event.sequence for each in node.below() if each.event.sequence >= 0}
    call = HostCall(
        **vars(around),
        name=name,
        start_ns=event.start_ns,
        end_ns=event.end_ns,
        thread=event.thread,
        tree=node,
        sequence=around.functions | numbers,
        launches=launches,
    )
    call.communicates |= is_communication(name)
    call.phase = "input" if name == INPUT_MARK else call.phase
    return call


def _launches(nodes: Iterable[Node], work: Work) -> Iterator[Launch]:
    for node in nodes:
        event = node.event
        done = work.get(event.correlation, ()) if event.category in DRIVER_CALLS else ()
        if done or (event.category in DRIVER_CALLS and SYNCHRONIZE in event.name):
            yield Launch(event, tuple(done))
        else:
            yield from _launches(node.children, work)
