"""A command job's program as its parent sees it: started, counted, looked at, and surely ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

import rmixer.step_hook
from rmixer.training.process import training_environment
from rmixer.training.process_tree import ProcessTree
from rmixer.training.step_events import StepEvents, step_ends
from rmixer.user_code.command import Command

INTERRUPT_GRACE_S, TERMINATE_GRACE_S, LEFT_GRACE_S = 5.0, 3.0, 1.0
SAMPLE_S = 0.25
_LAUNCHER = Path(__file__).with_name("launch.py")
_HOOK = Path(rmixer.step_hook.__file__).parent
_SHOWN_LINES, _SHOWN_BYTES = 20, 1 << 14


def command_environment(command: Command, threads: int, steps_file: Path) -> dict[str, str]:
    """The environment of the program: that of every training process, but with its own path, to
    which only the folder of the hook that counts its steps is added. It sees its GPUs, or none."""
    path = (str(_HOOK), os.environ.get("PYTHONPATH", ""))
    visible = ",".join(map(str, range(command.gpus)))
    return {
        **training_environment(threads),
        "PYTHONPATH": os.pathsep.join(part for part in path if part),
        "RMIXER_STEPS_FILE": str(steps_file),
        "CUDA_VISIBLE_DEVICES": visible,
    }


class CommandProcess:
    """``command`` running on ``cores``, with as many threads. What it prints goes to ``log``, its
    step events to ``steps_file``; it is a session of its own, like every training process.
    ``started_s`` is on the monotonic clock, which its steps are stamped with."""

    def __init__(self, command: Command, cores: Sequence[int], log: Path, steps_file: Path) -> None:
        self._log = log
        self._events = StepEvents(steps_file)
        pinned = ",".join(map(str, cores))
        launch = [sys.executable, "-I", "-S", str(_LAUNCHER), pinned, str(os.getpid())]
        log.parent.mkdir(parents=True, exist_ok=True)
        self.started_s = time.monotonic()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*launch, command.python, *command.arguments],
                cwd=command.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=command_environment(command, len(cores), steps_file),
                start_new_session=True,
            )
        self.tree = ProcessTree(self._process.pid)

    @property
    def pid(self) -> int:
        """The operating system's id of the program's first process."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the program's first process is no more. It is not reaped here: until then its
        number, which is that of its group, belongs to no other."""
        if self._process.returncode is not None:
            return True
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, flags) is not None

    def step_ends(self) -> list[float]:
        """When each step so far ended, on the monotonic clock."""
        return step_ends(self._events.read())

    def wait(self, seconds: float) -> bool:
        """Let ``seconds`` pass and look at its memory meanwhile; whether it still runs then."""
        end_s = time.monotonic() + seconds
        while not self.has_ended and (left_s := end_s - time.monotonic()) > 0:
            self.tree.sample()
            time.sleep(min(SAMPLE_S, left_s))
        return not self.has_ended

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Hold it still, with all processes of its group."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it as Ctrl-C does, where that does not help as a shutdown does, and at last by force;
        whatever it started ends with it."""
        if self._process.returncode is not None:
            return
        for number, grace_s in (
            (signal.SIGINT, INTERRUPT_GRACE_S),
            (signal.SIGTERM, TERMINATE_GRACE_S),
        ):
            if not self.has_ended:
                self._signal(number)
                _wait_until(lambda: self.has_ended, grace_s)
        if self.has_ended:  # what it started may still be putting things in order
            _wait_until(lambda: not self.tree.has_descendants, LEFT_GRACE_S)
        self.tree.kill()
        self._signal(signal.SIGKILL)
        self._process.wait()

    def epitaph(self) -> str:
        """How it has ended, in words."""
        code = self._process.wait()
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def last_words(self) -> str:
        """The end of what it printed, and where the rest is."""
        with self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _SHOWN_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()[-_SHOWN_LINES:]
        if not lines:
            return "it printed nothing"
        return "\n".join([f"the end of what it printed to {self._log}:", *lines])

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def __enter__(self) -> CommandProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _wait_until(reached: Callable[[], bool], at_most_s: float) -> None:
    end_s = time.monotonic() + at_most_s
    while not reached() and time.monotonic() < end_s:
        time.sleep(0.02)
