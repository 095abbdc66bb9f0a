"""One type of event for all that PyTorch's profiler records, read from any source.

Categories are those of the profiler's own traces: ``cpu_op``, ``user_annotation``,
``python_function``; ``cuda_runtime`` and ``cuda_driver`` for calls of the driver; ``kernel``,
``gpu_memcpy`` and ``gpu_memset`` for work of a GPU. In a process torch 2.13 gives each event's
category; 2.11 did not, and then it follows from the name and the device.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from profiles.work.operands import Flags

OPERATOR, ANNOTATION, PYTHON = "cpu_op", "user_annotation", "python_function"
DRIVER_CALLS = ("cuda_runtime", "cuda_driver")
DEVICE_WORK = ("kernel", "gpu_memcpy", "gpu_memset")
CATEGORIES = frozenset((OPERATOR, ANNOTATION, PYTHON, *DRIVER_CALLS, *DEVICE_WORK))
_OF_2021 = {
    "Operator": OPERATOR,
    "Runtime": DRIVER_CALLS[0],
    "Kernel": DEVICE_WORK[0],
    "Memcpy": DEVICE_WORK[1],
    "Memset": DEVICE_WORK[2],
}
"""Categories by the names that profilers of 2021 (torch 1.8 to 1.11) gave them."""
_TELLING_NOTHING = frozenset(
    (
        *("Trace", "overhead", "cpu_instant_event", "gpu_user_annotation", "python", "Python"),
        *("ac2g", "async_cpu_to_gpu", "async_gpu", "fwdbwd", "forward_backward", "Memory"),
        *("cuda_sync", "cuda_event", "cuda_profiler_range", "collective_comm", "itt"),
    )
)
"""Other categories: without their events no operator and no device work is missing."""
_RUNTIME, _DRIVER = re.compile(r"(cuda|hip)[A-Z]\w*"), re.compile(r"cu[A-Z]\w*")
_OF_PROFILER = frozenset(
    (
        "Activity Buffer Request",
        "Buffer Flush",
        "Command Buffer Full",
        "Instrumentation",
        "Lazy Function Loading",
        "Resource",
        "Runtime Triggered Module Loading",
    )
)
"""Events of the profiler's own work, by kineto's names."""
_PROFILER_STEP = re.compile(r"ProfilerStep#\d+")
_SYNCHRONIZATION = re.compile(r"(Context|Stream|Event) .*(Sync|Wait).*|Unknown Sync")


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """An event from ``start_ns`` on for ``duration_ns``, on a host's ``thread`` or, with a
    ``device`` of 0 or more, on a stream of that GPU.

    ``correlation`` links a driver's call to the device's work, ``external`` both to the operator
    that has the same number; ``sequence`` is the number by which autograd links a backward node to
    its operator, and ``forward_thread`` is not 0 on a backward node. -1 means none. ``shapes`` and
    ``types`` are the operator's arguments, with ``strides`` of tensors and ``values`` of numbers;
    None if they were not recorded.
    """

    name: str
    category: str
    start_ns: int
    duration_ns: int
    thread: str
    correlation: int = -1
    external: int = -1
    sequence: int = -1
    forward_thread: int = 0
    shapes: tuple[Any, ...] | None = None
    types: tuple[str, ...] | None = None
    strides: tuple[Any, ...] | None = None
    values: tuple[float | Flags | None, ...] | None = None
    device: int = -1

    @property
    def end_ns(self) -> int:
        """The end of the event."""
        return self.start_ns + self.duration_ns


def today(category: str) -> str:
    """The present name of ``category``."""
    return _OF_2021.get(category, category)


def is_of_other_devices(category: str) -> bool:
    """True if events of ``category`` are neither read nor known to be irrelevant: they may be of a
    device that is neither CUDA's nor ROCm's."""
    return category not in CATEGORIES and category not in _TELLING_NOTHING


def is_profiler_step(event: TraceEvent) -> bool:
    """True if it is the profiler's own mark of a step on the host. There are marks on GPUs as well,
    of another category."""
    return event.category in (ANNOTATION, OPERATOR) and bool(_PROFILER_STEP.fullmatch(event.name))


def category_of(event: Any) -> str:
    """The category of an event of a profile in this process; "" if it is none of :data:`CATEGORIES`
    and torch does not give it."""
    if hasattr(event, "activity_type"):
        return str(event.activity_type())
    name = event.name()
    if event.device_type().name != "CPU":
        return "" if event.is_user_annotation() else _work_of_a_device(name)
    if event.is_user_annotation():
        return ANNOTATION
    if _RUNTIME.fullmatch(name):
        return DRIVER_CALLS[0]
    if _DRIVER.fullmatch(name):
        return DRIVER_CALLS[1]
    return "" if name in _OF_PROFILER or name == "[memory]" else OPERATOR


def _work_of_a_device(name: str) -> str:
    for start, category in (("Memcpy", "gpu_memcpy"), ("Memset", "gpu_memset")):
        if name.startswith(start):
            return category
    return "" if _SYNCHRONIZATION.fullmatch(name) else "kernel"


def kineto_events(events: Iterable[Any]) -> Iterator[TraceEvent]:
    """The events of a profile in this process (``profiler.kineto_results.events()``)."""
    for event in events:
        category = category_of(event)
        if category not in CATEGORIES:
            continue
        on_device, is_operator = category in DEVICE_WORK, category == OPERATOR
        number, linked = int(event.correlation_id()), int(event.linked_correlation_id())
        kinds = tuple(event.dtypes()) if is_operator else ()
        yield TraceEvent(
            name=event.name(),
            category=category,
            start_ns=event.start_ns(),
            duration_ns=event.duration_ns(),
            thread=str(event.device_resource_id()),
            correlation=-1 if is_operator else number,
            external=number if is_operator else linked or -1,
            sequence=event.sequence_nr() if is_operator else -1,
            forward_thread=event.fwd_thread_id() if is_operator else 0,
            shapes=tuple(map(tuple, event.shapes())) if kinds else None,
            types=kinds or None,
            device=event.device_index() if on_device else -1,
        )
