"""One type of event for all that PyTorch's profiler records, read from any source, and the
arguments of an operator.

Categories are those of the profiler's own traces: ``cpu_op``, ``user_annotation``,
``python_function``; ``cuda_runtime`` and ``cuda_driver`` for calls of the driver; ``kernel``,
``gpu_memcpy`` and ``gpu_memset`` for work of a GPU. In a process torch 2.13 gives each event's
category; 2.11 did not, and then it follows from the name and the device.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from profiles.work.operands import Flags
from rmixer.errors import InputError

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
_ON_HOST = ((r"(cuda|hip)[A-Z]\w*", "cuda_runtime"), (r"cu[A-Z]\w*", "cuda_driver"))
_ON_DEVICE = (("Memcpy.*", "gpu_memcpy"), ("Memset.*", "gpu_memset"))
_OF_PROFILER = frozenset(
    (
        *("[memory]", "Activity Buffer Request", "Buffer Flush", "Command Buffer Full"),
        *("Instrumentation", "Lazy Function Loading", "Resource"),
        "Runtime Triggered Module Loading",
    )
)
"""Events of the profiler's own work, by kineto's names."""
_PROFILER_STEP = re.compile(r"ProfilerStep#\d+")
_SYNCHRONIZATION = re.compile(r"(Context|Stream|Event) .*(Sync|Wait).*|Unknown Sync")

_COMMUNICATES = re.compile(
    r"(_?c10d\w*|fsdp|symm_mem|ProcessGroup\w*)::"
    r"|torch(\.|::)distributed\b[\w.:]*::"
    r"|FSDP::(all_gather|reduce_scatter|all_reduce|post_backward_reduce)"
    r"|## ?(all2all|alltoall|all_gather|reduce_scatter|all_reduce)"
    r"|record_param_comms"
    r"|(nccl|rccl|gloo|mpi|ucc|xccl|hccl):"
    r"|(nccl|rccl|msccl)\w*Kernel"
)
_ASYNCHRONOUS = re.compile(r"(nccl|rccl|gloo|mpi|ucc|xccl|hccl):\w")

_MOST_ELEMENTS = 1 << 50
_WORDS = {"True": True, "False": False}
_LONGEST_NUMBER = 24


Wrong = Callable[[str, Any, str], InputError]
"""Makes the error from a key of the event, a found value and the allowed ones."""


@dataclass(frozen=True)
class Arguments:
    """One entry for every argument (None: not recorded): a shape (or the shapes of a list of
    tensors), a type's name, a tensor's strides, a number's value."""

    shapes: tuple[Any, ...] | None = None
    types: tuple[str, ...] | None = None
    strides: tuple[tuple[int, ...], ...] | None = None
    values: tuple[float | Flags | None, ...] | None = None


_NONE = Arguments()


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """An event from ``start_ns`` on for ``duration_ns``, on a host's ``thread`` or, with a
    ``device`` of 0 or more, on a stream of that GPU.

    ``correlation`` links a driver's call to the device's work, ``external`` both to the operator
    that has the same number; ``sequence`` is the number by which autograd links a backward node to
    its operator, and ``forward_thread`` is not 0 on a backward node. -1 means none.
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
    arguments: Arguments = _NONE
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


def is_communication(name: str) -> bool:
    """True if an event called ``name`` is communication: ``c10d::allreduce_``, ``nccl:all_reduce``,
    ``record_param_comms``, ``ncclDevKernel_AllReduce_Sum_f32_RING_LL``, or an event of
    ``torch.distributed`` (a reducer's copies)."""
    return bool(_COMMUNICATES.match(name))


def may_go_on(name: str) -> bool:
    """True if such an event may end after the call in which it begins (``gloo:all_reduce``): it
    lasts until the other processes have arrived."""
    return bool(_ASYNCHRONOUS.match(name))


def category_of(event: Any) -> str:
    """The category of an event of a profile in this process; "" if it is none of :data:`CATEGORIES`
    and torch does not give it."""
    if hasattr(event, "activity_type"):
        return str(event.activity_type())
    name = event.name()
    on_host, is_mark = event.device_type().name == "CPU", event.is_user_annotation()
    if is_mark:
        return ANNOTATION if on_host else ""
    if name in _OF_PROFILER or (not on_host and _SYNCHRONIZATION.fullmatch(name)):
        return ""
    for pattern, category in _ON_HOST if on_host else _ON_DEVICE:
        if re.fullmatch(pattern, name):
            return category
    return OPERATOR if on_host else "kernel"


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
            arguments=Arguments(tuple(map(tuple, event.shapes())), kinds) if kinds else _NONE,
            device=event.device_index() if on_device else -1,
        )


def recorded_arguments(given: dict[str, Any], wrong: Wrong) -> Arguments:
    """Returns the arguments of the operator with ``args`` as ``given``, if the trace has shapes and
    types. Raises :class:`InputError` if they are invalid."""
    shapes = given.get("Input Dims", given.get("Input dims"))
    types = given.get("Input type")
    if shapes is None or types is None:
        return Arguments()
    if not isinstance(shapes, list) or not isinstance(types, list) or len(shapes) != len(types):
        raise wrong(".args.Input Dims", shapes, "a list as long as Input type")
    strides: Any = given.get("Input Strides")
    values: Any = given.get("Concrete Inputs")
    return Arguments(
        tuple(_shapes(shape, wrong) for shape in shapes),
        tuple(map(str, types)),
        tuple(map(_strides, strides)) if _is_list(strides, len(shapes)) else None,
        tuple(map(_value, values)) if _is_list(values, len(shapes)) else None,
    )


def _is_list(found: Any, count: int) -> bool:
    return isinstance(found, list) and len(found) == count


def _strides(found: Any) -> tuple[int, ...]:
    """Returns a tensor's strides; no numbers for a list of tensors."""
    return tuple(s for s in found if isinstance(s, int)) if isinstance(found, list) else ()


def _value(text: Any) -> float | Flags | None:
    """A number, or a list of booleans, from its text; None for anything else."""
    if not isinstance(text, str):
        return None
    if text in _WORDS:
        return _WORDS[text]
    words = text.removeprefix("[").removesuffix("]").split(", ")
    if text.startswith("[") and all(word in _WORDS for word in words):
        return Flags(tuple(_WORDS[word] for word in words))
    try:
        value = float(text) if len(text) <= _LONGEST_NUMBER else math.nan
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else value


def _shapes(shape: Any, wrong: Wrong) -> tuple[Any, ...]:
    """A shape, or the shapes of a list of tensors."""
    if isinstance(shape, list) and shape and isinstance(shape[0], list):
        return tuple(_shape(each, wrong) for each in shape)
    return _shape(shape, wrong)


def _shape(shape: Any, wrong: Wrong) -> tuple[int, ...]:
    key = ".args.Input Dims"
    if not isinstance(shape, list):
        raise wrong(key, shape, "a list of whole numbers")
    for size in shape:
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise wrong(key, size, "whole numbers >= 0")
    if math.prod(max(1, size) for size in shape) > _MOST_ELEMENTS:
        raise wrong(key, shape, "a tensor of up to 2^50 elements")
    return tuple(shape)
