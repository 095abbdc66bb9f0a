"""A command job's program seen from its parent: started, counted, watched, and reliably ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

import rmixer.step_hook
from rmixer.display.printable import LONGEST_LINE, printable
from rmixer.display.quantities import size
from rmixer.hardware.visible_gpus import sees_only
from rmixer.training.process import KILLED_WITHIN_S, training_environment
from rmixer.training.process_tree import ProcessTree
from rmixer.training.program_log import ProgramLog
from rmixer.training.step_events import StepEvents, step_ends
from rmixer.user_code.command import Command

INTERRUPT_GRACE_S, TERMINATE_GRACE_S, LEFT_GRACE_S = 5.0, 3.0, 1.0
SAMPLE_S = 0.25
_LAUNCHER = Path(__file__).with_name("launch.py")
_HOOK = Path(rmixer.step_hook.__file__).parent
_SHOWN_LINES = 20


@dataclass(frozen=True)
class Surroundings:
    """The environment of a program: pinned to ``cores``, with as many threads; with
    ``shares_cores`` other jobs use these too. Its step events go to ``steps_file``. If it wants a
    GPU, it sees number ``gpu`` of those that this process sees."""

    cores: tuple[int, ...]
    steps_file: Path
    shares_cores: bool = False
    gpu: int = 0


def command_environment(command: Command, around: Surroundings) -> dict[str, str]:
    """The environment of the program: that of every training process, but with its own path, to
    which only the folder of the step hook is added. It sees its GPU, or none."""
    path = (str(_HOOK), os.environ.get("PYTHONPATH", ""))
    return {
        **training_environment(len(around.cores), around.shares_cores),
        "PYTHONPATH": os.pathsep.join(part for part in path if part),
        "RMIXER_STEPS_FILE": str(around.steps_file),
        **sees_only(around.gpu if command.gpus else None),
    }


class CommandProcess:
    """``command`` running in its ``around``. Its output goes to ``log``. It is its own session,
    like every training process. ``started_s`` is on the monotonic clock, like the stamps of its
    steps. Raises OSError if its folder is gone."""

    def __init__(self, command: Command, around: Surroundings, log: Path) -> None:
        self._log = ProgramLog(log)
        self._events = StepEvents(around.steps_file)
        pinned = ",".join(map(str, around.cores))
        launch = [sys.executable, "-I", "-S", str(_LAUNCHER), pinned, str(os.getpid())]
        self.started_s = time.monotonic()
        try:
            self._process = subprocess.Popen(
                [*launch, command.python, *command.arguments],
                cwd=command.folder,
                stdin=subprocess.DEVNULL,
                stdout=self._log.end,
                stderr=self._log.end,
                env=command_environment(command, around),
                start_new_session=True,
            )
        finally:
            self._log.started()
        self.tree = ProcessTree(self._process.pid)

    @property
    def pid(self) -> int:
        """The operating system's id of the program's first process."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """True if the program's first process has ended. It is not reaped here, so that its number,
        which is that of its group, is not reused."""
        if self._process.returncode is not None:
            return True
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, flags) is not None

    def step_ends(self) -> list[float]:
        """The end of each step so far, on the monotonic clock."""
        return step_ends(self._events.read())

    def backward_passes(self) -> int:
        """The number of backward passes before any optimizer was seen, at most ``MOST_PASSES`` of
        the hook."""
        self._events.read()
        return self._events.backward_passes

    def wait(self, seconds: float) -> bool:
        """Waits ``seconds`` and samples its memory meanwhile; returns True if it still runs."""
        end_s = time.monotonic() + seconds
        while not self.has_ended and (left_s := end_s - time.monotonic()) > 0:
            self.tree.sample()
            time.sleep(min(SAMPLE_S, left_s))
        return not self.has_ended

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Pauses it, with all processes of its group, during the block."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        """Sends the signal ``number`` to all processes of its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def stop(self) -> None:
        """Ends it as Ctrl-C does, if that does not help as a shutdown does, and at last by force;
        all processes that it started end too."""
        if self._process.returncode is not None:
            return
        for number, grace_s in (
            (signal.SIGINT, INTERRUPT_GRACE_S),
            (signal.SIGTERM, TERMINATE_GRACE_S),
        ):
            if not self.has_ended:
                self.signal(number)
                _wait_until(lambda: self.has_ended, grace_s)
        if self.has_ended:  # what it started may still be putting things in order
            _wait_until(lambda: not self.tree.has_descendants, LEFT_GRACE_S)
        self.kill()
        self.finish_log()

    def kill(self) -> None:
        """Ends it at once, with all processes that it started."""
        if self._process.returncode is not None:
            return
        self.tree.kill()
        self.signal(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=KILLED_WITHIN_S)

    def finish_log(self) -> None:
        """Waits, once it has ended, until all its output is in its log."""
        self._log.finish()

    @property
    def exit_code(self) -> int:
        """Its exit code, once it has ended; the negative number of the signal that killed it."""
        return self._process.wait()

    def epitaph(self) -> str:
        """A text about how it has ended."""
        code = self.exit_code
        if code == -signal.SIGKILL:
            return f"was killed by SIGKILL ({self.memory_in_words()})"
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def memory_in_words(self) -> str:
        """A text with its peak memory and the machine's: a killed program is often out of
        memory."""
        held = f"it held {size(self.tree.peak_bytes)} at most, " if self.tree.peak_bytes else ""
        return f"out of memory? {held}the machine has {size(psutil.virtual_memory().total)}"

    def last_lines(self, most: int) -> list[str]:
        """The end of its output, at most ``most`` lines."""
        if self.has_ended:
            self._log.finish()
        return self._log.last_lines(most)

    def last_words(self) -> str:
        """The end of its output, and the path of the rest."""
        lines = [printable(line, LONGEST_LINE) for line in self.last_lines(_SHOWN_LINES)]
        if not lines:
            return "it printed nothing"
        return "\n".join([f"the end of what it printed to {self._log.path}:", *lines])

    def __enter__(self) -> CommandProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _wait_until(reached: Callable[[], bool], at_most_s: float) -> None:
    end_s = time.monotonic() + at_most_s
    while not reached() and time.monotonic() < end_s:
        time.sleep(0.02)
