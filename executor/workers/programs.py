"""Command jobs: one program each, started when its turn comes."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path

from executor.workers.memory_guard import MemoryGuard
from executor.workers.placed import Placed
from executor.workers.program import Program
from executor.workers.workers import Event, JobFailed, Place, TrainingOrder
from rmixer.errors import RunFailed
from rmixer.training.task_failure import TaskFailed, as_failure, cause_of

LOOK_S = 0.25
"""Seconds between two reads of all programs' steps."""
GUARD_LIMIT_S = 10.0
_GUARD = Path(__file__).with_name("program_guard.py")


class Programs(Placed):
    """See :class:`executor.workers.workers.Workers`. The output of a job's program goes to
    ``logs/<job>.log`` in ``folder``. ``memory`` watches their memory. ``shares_cores`` is true if
    jobs share theirs.

    From the first program on a guard process runs, which ends all programs if this process is
    killed.
    """

    def __init__(self, folder: Path, memory: MemoryGuard, shares_cores: bool = False) -> None:
        super().__init__(memory)
        self._folder, self._shares_cores = folder.absolute(), shares_cores
        self._running: dict[Place, Program] = {}
        self._looked_s = 0.0
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self, order: TrainingOrder) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        log = self._folder / "logs" / f"{order.job.id}.log"
        steps_file = self._folder / "programs" / f"{order.job.id}.steps"
        self._watch(steps_file)
        try:
            program = Program(order, log, steps_file, self._shares_cores)
        except OSError as error:
            text = f"the program could not be started: {error}"
            failure = TaskFailed(text, text, cause_of(as_failure(error)))
            self._happened.append(JobFailed(order.place, time.perf_counter(), failure))
            return
        self._running[order.place] = program
        self._memory.add_process(program.pid)
        held_bytes = partial(self._table.held_bytes, program.pid)
        self._memory.watch(order.place, order.promised_bytes, held_bytes, program.strike)
        self._happened += program.began()

    def pids(self) -> dict[Place, int]:
        """The first process of each program that runs."""
        return {place: program.pid for place, program in self._running.items()}

    def wait(self, timeout_s: float | None) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        if not self._happened:
            wait(self.waitables(), self.patience_s(timeout_s))

    def waitables(self) -> list[int]:
        """Descriptors that become readable as soon as a program has ended."""
        running = [program for program in self._running.values() if not program.has_ended]
        return [each.waitable for each in running if each.waitable is not None]

    def patience_s(self, timeout_s: float | None) -> float | None:
        """The part of ``timeout_s`` that may pass before the steps of a program must be read."""
        if not self._running:
            return timeout_s
        due_s = max(0.0, self._looked_s + LOOK_S - time.monotonic())
        return due_s if timeout_s is None else min(due_s, timeout_s)

    def events(self) -> list[Event]:
        """See :class:`~executor.workers.workers.Workers`."""
        ended = {each for each in wait(self.waitables(), 0) if isinstance(each, int)}
        due = time.monotonic() >= self._looked_s + LOOK_S
        if due:
            self._looked_s = time.monotonic()
        for place, program in list(self._running.items()):
            if due or program.waitable in ended:
                events, is_over = program.look()
                why = self._memory.forget(place) if is_over else None
                if why is not None:  # it was ended because of it, whatever it said
                    events = [*events[:-1], program.failed(why)]
                self._happened += events
                if is_over:
                    self._forget(place)
        return self._told()

    def ask_to_stop(self, place: Place) -> None:
        """See :class:`~executor.workers.workers.Workers`. It is interrupted as by Ctrl-C."""
        if place in self._running:
            self._running[place].ask_to_stop()

    def end(self, place: Place, why: RunFailed) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        if place in self._running:
            self._happened += self._running[place].kill(why)
            self._forget(place)

    def close(self, grace_s: float) -> None:
        """See :class:`~executor.workers.workers.Workers`."""
        for program in self._running.values():
            program.ask_to_stop()
        end_s = time.monotonic() + grace_s
        while self._running and (left_s := end_s - time.monotonic()) > 0:
            self.wait(left_s)
            self.events()
        for place, program in list(self._running.items()):
            program.kill()
            self._forget(place)
        with contextlib.suppress(OSError):
            (self._folder / "programs").rmdir()
        if self._guard is not None:
            try:
                self._guard.communicate(timeout=GUARD_LIMIT_S)
            except subprocess.TimeoutExpired:  # its programs have ended all the same
                self._guard.kill()
            self._guard = None
        self._memory.close()

    def _watch(self, steps_file: Path) -> None:
        """Tells the guard about the program with this file. If the guard was killed, a new one is
        started and gets the files of all that run."""
        if self._guard is not None and self._guard.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                self._tell([steps_file])
                return
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARD)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._tell([*(program.steps_file for program in self._running.values()), steps_file])

    def _tell(self, steps_files: Sequence[Path]) -> None:
        assert self._guard is not None
        assert self._guard.stdin is not None
        self._guard.stdin.write("".join(f"{each}\n" for each in steps_files).encode())
        self._guard.stdin.flush()

    def _forget(self, place: Place) -> None:
        self._memory.forget(place)
        self._running.pop(place).steps_file.unlink(missing_ok=True)  # all are reported
