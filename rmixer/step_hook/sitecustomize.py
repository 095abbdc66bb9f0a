"""Notes when a program's training steps end, without touching the program.

Python imports a module of this name at start, before any code of the program; its folder comes
first on ``PYTHONPATH``, and the ``sitecustomize`` that it hides runs after it.
It stands alone: it runs in the program's own Python (3.8 or later), where RMixer need not be
installed, and imports nothing that the program does not, torch least of all.

Each time an optimizer has made a step a record is appended to the file that ``RMIXER_STEPS_FILE``
names, and so does each ``rmixer.step()``; without that variable nothing is watched. What of it
counts as a step is decided by who reads the file (``rmixer.training.step_events``).
"""

from __future__ import annotations

import contextlib
import functools
import os
import struct
import sys
import time
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

BY_OPTIMIZER, BY_CALL = 1, 2
RECORD = struct.Struct("<IIQd")
"""The process, whether an optimizer or a call, the optimizer's number, and the monotonic clock in
seconds."""

_file: list[int] = []
_running: dict[int, FrameType] = {}
_steps: dict[int, int] = {}


def called() -> None:
    """The program said ``rmixer.step()``."""
    _append(BY_CALL, 0)


def _append(kind: int, optimizer: int) -> None:
    with contextlib.suppress(OSError):
        if not _file:
            path = os.environ["RMIXER_STEPS_FILE"]
            _file.append(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        os.write(_file[0], RECORD.pack(os.getpid(), kind, optimizer, time.monotonic()))


def _stepped(optimizer: object) -> None:
    number = id(optimizer)
    _steps[number] = _steps.get(number, 0) + 1
    _append(BY_OPTIMIZER, number)


def _begins(optimizer: object, args: object, kwargs: object) -> None:
    """Before an optimizer's step. Of a subclass that calls its parent's step torch announces both:
    only the outer one is remembered. One that was left by an exception is forgotten here."""
    frame = sys._getframe(1)
    outer = _running.get(id(optimizer))
    above = frame.f_back if outer is not None else None
    while above is not None and above is not outer:
        above = above.f_back
    if above is None:
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
        if _steps.get(id(optimizer), 0) == before:
            _stepped(optimizer)
        return result

    scaler.step = step


_WATCHED: dict[str, Callable[[ModuleType], None]] = {
    "torch.optim.optimizer": _watch_optimizers,
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
    if os.environ.get("RMIXER_STEPS_FILE"):
        sys.modules["_rmixer_step_hook"] = sys.modules[__name__]
        sys.meta_path.insert(0, _Watch())  # type: ignore[arg-type]
        sys.meta_path.append(_StandIn())  # type: ignore[arg-type]
    _run_the_other()
