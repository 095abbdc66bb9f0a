"""Notes when a program's training steps end, without touching the program.

Python imports a module of this name at start, before any code of the program. Its folder comes
first on ``PYTHONPATH``, and the ``sitecustomize`` that it hides runs after it. It imports nothing
that the program does not, and no torch: it runs in the program's own Python (3.8 or later), where
RMixer need not be installed.

After each step of an optimizer, and for each ``rmixer.step()``, a record is appended to the file
that ``RMIXER_STEPS_FILE`` names; without that variable nothing is watched. Tables that are updated
within the backward pass (fbgemm's) count as optimizers too. Until an optimizer steps, backward
passes are noted as well. The reader of the file (``rmixer.training.step_events``) decides which
records count as a step.
"""

from __future__ import annotations

import contextlib
import functools
import os
import struct
import sys
import time
import weakref
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

BY_OPTIMIZER, BY_CALL, IN_BACKWARD, BACKWARD = 1, 2, 3, 4
RECORD = struct.Struct("<IIQQd")
"""The process; the kind of record (an optimizer, a call, an optimizer within a backward pass, such
a pass); the optimizer's number; a number that all optimizers with its parameters share (0:
unknown), or all within the same backward pass; and the monotonic clock in seconds."""

_LARGEST, _MOST = (1 << 64) - 1, 1000
MOST_PASSES = 1000
"""At most this many backward passes are noted."""

_path = os.environ.get("RMIXER_STEPS_FILE", "")
_file: list[tuple[int, int, int]] = []
"""Its descriptor, device and inode, once it is open."""
_running: dict[int, FrameType] = {}
"""By optimizer, the frame of its step; without steps that another optimizer's step has called."""
_steps: dict[int, int] = {}
_passes: list[int] = [0]
"""The number of backward passes noted; none are once an optimizer or ``rmixer.step()`` was seen."""


class _Numbers:
    """Counts objects as they are first seen. A new object at the place of one that has ended gets a
    new number."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[object], int]] = {}
        self._next = 1

    def of(self, thing: object) -> int:
        """The number of ``thing``."""
        place = id(thing)
        known, number = self._known.get(place, (None, 0))
        if known is not None and known() is thing:
            return number
        try:
            self._known[place] = weakref.ref(thing, lambda _: self._forget(place)), self._next
        except TypeError:  # nobody can tell when it ends
            return place
        self._next += 1
        return self._next - 1

    def _forget(self, place: int) -> None:
        self._known.pop(place, None)


_optimizers, _parameters = _Numbers(), _Numbers()
_parameters_of: dict[int, int] = {}
"""By an optimizer's number, a number for its parameters at its first step."""


def called() -> None:
    """Notes a call of ``rmixer.step()``."""
    _passes[0] = MOST_PASSES
    _append(BY_CALL, 0, 0)


def _append(kind: int, optimizer: int, parameters: int) -> None:
    with contextlib.suppress(OSError):
        if not _is_open():
            descriptor = os.open(_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            _file[:] = [(descriptor, *_place(descriptor))]
        os.write(
            _file[0][0], RECORD.pack(os.getpid(), kind, optimizer, parameters, time.monotonic())
        )


def _is_open() -> bool:
    """True if the descriptor is still our file: a program may close all descriptors and reuse the
    number."""
    with contextlib.suppress(OSError):
        return bool(_file) and _place(_file[0][0]) == _file[0][1:]
    return False


def _place(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _stepped(optimizer: object) -> None:
    _steps[id(optimizer)] = _steps.get(id(optimizer), 0) + 1
    number = _optimizers.of(optimizer)
    if backward := _backward_pass():
        _append(IN_BACKWARD, number, backward)
        return
    if number not in _parameters_of:
        if len(_parameters_of) == _MOST:
            _parameters_of.clear()
        _parameters_of[number] = _told_by_parameters(optimizer)
    _append(BY_OPTIMIZER, number, _parameters_of[number])


def _backward_pass() -> int:
    """The number of autograd's pass that runs on this thread, from 1; 0 if none runs, or torch does
    not say."""
    told = getattr(getattr(sys.modules.get("torch"), "_C", None), "_current_graph_task_id", None)
    return int(told()) + 1 if told is not None else 0


def _told_by_parameters(optimizer: Any) -> int:
    try:
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        return hash(tuple(map(_parameters.of, parameters))) % _LARGEST + 1
    except Exception:  # what stands in for an optimizer may have other groups, or none
        return 0


def _within_a_step(frame: FrameType | None) -> bool:
    """True if an optimizer's step called ``frame``, at any depth."""
    steps = set(_running.values())
    while frame is not None and frame not in steps:
        frame = frame.f_back
    return frame is not None


def _begins(optimizer: object, args: object, kwargs: object) -> None:
    """Notes the start of an optimizer's step. If a subclass calls its parent's step, or an
    optimizer wraps another, torch announces both: only the outer one is kept. A step that was left
    by an exception is forgotten here."""
    _passes[0] = MOST_PASSES
    frame = sys._getframe(1)
    if not _within_a_step(frame.f_back):
        _running[id(optimizer)] = frame


def _ends(optimizer: object, args: object, kwargs: object) -> None:
    """Notes the end of an optimizer's step."""
    if _running.get(id(optimizer)) is sys._getframe(1):
        del _running[id(optimizer)]
        _stepped(optimizer)


def _watch_optimizers(module: ModuleType) -> None:
    module.register_optimizer_step_pre_hook(_begins)
    module.register_optimizer_step_post_hook(_ends)


def _watch_scaler(module: ModuleType) -> None:
    """Counts the steps in which a gradient scaler skips the optimizer because gradients
    overflowed."""
    scaler: Any = module.GradScaler
    if "step" not in vars(scaler):  # it inherits that of a class watched elsewhere
        return
    original = scaler.step

    @functools.wraps(original)
    def step(self: object, optimizer: object, *args: Any, **kwargs: Any) -> Any:
        before = _steps.get(id(optimizer), 0)
        result = original(self, optimizer, *args, **kwargs)
        if _steps.get(id(optimizer), 0) == before and not _within_a_step(sys._getframe(1)):
            _stepped(optimizer)
        return result

    scaler.step = step


def _watch_backward(module: ModuleType) -> None:
    """Notes backward passes until an optimizer is seen, for programs whose optimizers are not
    torch's."""
    original = module.backward

    @functools.wraps(original)
    def backward(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if _passes[0] < MOST_PASSES:
            _passes[0] += 1
            _append(BACKWARD, 0, 0)
        return result

    module.backward = backward  # type: ignore[attr-defined]


_TABLES = ("SplitTableBatchedEmbeddingBagsCodegen", "SSDTableBatchedEmbeddingBags")
"""fbgemm's modules that update themselves when the gradient of their result comes back."""


def _watch_tables(module: ModuleType) -> None:
    """Counts each such module as an optimizer that steps within the backward pass."""
    for name in _TABLES:
        tables: Any = vars(module).get(name)
        if tables is not None and tables.__module__ == module.__name__:
            _watch_forward(tables)


def _watch_forward(tables: Any) -> None:
    original = tables.forward

    @functools.wraps(original)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        with contextlib.suppress(Exception):
            is_compiling = sys.modules["torch"].compiler.is_compiling()
            given_back = "NONE" in str(getattr(self, "optimizer", ""))  # another one updates them
            if result.requires_grad and not given_back and not is_compiling:
                _passes[0] = MOST_PASSES
                result.register_hook(lambda gradient: _stepped(self))
        return result

    tables.forward = forward


_WATCHED: dict[str, Callable[[ModuleType], None]] = {
    "torch.optim.optimizer": _watch_optimizers,
    "torch.autograd": _watch_backward,
    "fbgemm_gpu.split_table_batched_embeddings_ops": _watch_tables,
    "fbgemm_gpu.split_table_batched_embeddings_ops_training": _watch_tables,
    "fbgemm_gpu.tbe.ssd.training": _watch_tables,
    "torch.amp.grad_scaler": _watch_scaler,
    "torch.cuda.amp.grad_scaler": _watch_scaler,
}


class _Watch:
    """Watches the modules of ``_WATCHED`` as soon as the program has imported them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        watch = _WATCHED.get(name)
        spec = PathFinder.find_spec(name, path, target) if watch else None
        if watch is None or spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_watch(module: ModuleType) -> None:
            execute(module)
            with contextlib.suppress(Exception):  # a torch without these: its steps go uncounted
                watch(module)

        spec.loader.exec_module = execute_and_watch  # type: ignore[method-assign]
        return spec


class _StandIn:
    """Serves ``import rmixer`` for ``rmixer.step()`` if RMixer is not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name == "rmixer" else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.step = called  # type: ignore[attr-defined]


def _run_the_other() -> None:
    """Runs the ``sitecustomize`` that this one hides, with this folder taken off the path."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [part for part in sys.path if os.path.abspath(part) != here]
    spec = PathFinder.find_spec("sitecustomize")
    if spec is None or spec.loader is None:
        return
    mine = sys.modules["sitecustomize"]
    sys.modules["sitecustomize"] = other = module_from_spec(spec)
    try:
        spec.loader.exec_module(other)
    except BaseException:
        sys.modules["sitecustomize"] = mine
        raise


if __name__ == "sitecustomize":
    if _path:
        sys.modules["_rmixer_step_hook"] = sys.modules[__name__]
        sys.meta_path.insert(0, _Watch())  # type: ignore[arg-type]
        sys.meta_path.append(_StandIn())  # type: ignore[arg-type]
    _run_the_other()
