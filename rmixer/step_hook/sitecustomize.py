"""Notes when a program's training steps end, without touching the program.

Python imports a module of this name at start, before any code of the program; its folder comes
first on ``PYTHONPATH``, and the ``sitecustomize`` that it hides runs after it.
It stands alone: it runs in the program's own Python (3.8 or later), where RMixer need not be
installed, and imports nothing that the program does not, torch least of all.

Each time an optimizer has made a step a record is appended to the file that ``RMIXER_STEPS_FILE``
names, and so does each ``rmixer.step()``; without that variable nothing is watched. Tables that are
updated within the backward pass (fbgemm's) are optimizers too. As long as none has stepped backward
passes are noted as well. What of it counts as a step is decided by who reads the file
(``rmixer.training.step_events``).
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
"""The process, whether an optimizer, a call, an optimizer within a backward pass or such a pass,
the optimizer's number, one that all with its parameters have (0: they are unknown) or all within
the same backward pass, and the monotonic clock in seconds."""

_LARGEST, _MOST = (1 << 64) - 1, 1000
MOST_PASSES = 1000
"""So many backward passes are noted at most."""

_path = os.environ.get("RMIXER_STEPS_FILE", "")
_file: list[tuple[int, int, int]] = []
"""Its descriptor, device and inode, once it is open."""
_running: dict[int, FrameType] = {}
"""By optimizer, the frame of its step; not of one that another optimizer's step has called."""
_steps: dict[int, int] = {}
_passes: list[int] = [0]
"""How many backward passes were noted; none are once an optimizer or ``rmixer.step()`` was seen."""


class _Numbers:
    """Counts objects as they are first seen. Where one has ended another may lie, which gets a
    number of its own."""

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
"""By an optimizer's number, what tells its parameters, as they were at its first step."""


def called() -> None:
    """The program said ``rmixer.step()``."""
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
    """A program may close all descriptors, and then get this number for a file of its own."""
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
    """The number of autograd's pass that is under way on this thread, from 1; 0 if none is, or this
    torch does not tell."""
    told = getattr(getattr(sys.modules.get("torch"), "_C", None), "_current_graph_task_id", None)
    return int(told()) + 1 if told is not None else 0


def _told_by_parameters(optimizer: Any) -> int:
    try:
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        return hash(tuple(map(_parameters.of, parameters))) % _LARGEST + 1
    except Exception:  # what stands in for an optimizer may have other groups, or none
        return 0


def _within_a_step(frame: FrameType | None) -> bool:
    """Whether ``frame`` was called, at any depth, by an optimizer's step."""
    steps = set(_running.values())
    while frame is not None and frame not in steps:
        frame = frame.f_back
    return frame is not None


def _begins(optimizer: object, args: object, kwargs: object) -> None:
    """Before an optimizer's step. Of a subclass that calls its parent's step, and of an optimizer
    around another one, torch announces both: only the outer one is remembered. One that was left
    by an exception is forgotten here."""
    _passes[0] = MOST_PASSES
    frame = sys._getframe(1)
    if not _within_a_step(frame.f_back):
        _running[id(optimizer)] = frame


def _ends(optimizer: object, args: object, kwargs: object) -> None:
    """After an optimizer's step."""
    if _running.get(id(optimizer)) is sys._getframe(1):
        del _running[id(optimizer)]
        _stepped(optimizer)


def _watch_optimizers(module: ModuleType) -> None:
    module.register_optimizer_step_pre_hook(_begins)
    module.register_optimizer_step_post_hook(_ends)


def _watch_scaler(module: ModuleType) -> None:
    """A gradient scaler leaves out the optimizer's step where gradients overflowed: the training
    step was made all the same."""
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
    """Backward passes, until an optimizer is seen: a program that has others than torch's makes
    them all the same."""
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
"""fbgemm's modules that update themselves when the gradient of what they gave comes back."""


def _watch_tables(module: ModuleType) -> None:
    """Each such module steps like an optimizer, within the backward pass."""
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
    """Has the modules of ``_WATCHED`` watched as soon as the program has imported them."""

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
    """``import rmixer`` for ``rmixer.step()`` where RMixer is not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name == "rmixer" else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.step = called  # type: ignore[attr-defined]


def _run_the_other() -> None:
    """The ``sitecustomize`` that this one hides, and the path as it would be without it."""
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
