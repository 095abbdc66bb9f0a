"""A worker process seen from its parent: spawned, pinned, addressed by messages, and reliably
ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import rmixer
from rmixer.errors import RunFailed, WorkerLost, WorkerSilent
from rmixer.training.task_failure import failure_of
from rmixer.training.tasks import CLOCK, WARM

Message = dict[str, Any]
CLOCK_LIMIT_S = 60.0
MESSAGE_LIMIT_S = 60.0
"""The longest wait for the rest of a message."""
KILLED_WITHIN_S = 30.0
"""The longest wait for a killed process: in a call to a disk or a driver that hangs, it ends only
when that returns."""
_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_PROC_BIND", "OMP_PLACES")
_KEPT_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0",
}
"""Lets glibc keep memory that a step frees for the next one. Otherwise it gives large buffers back
to the system, and at large batches a step's time is mostly page faults. Small pieces are joined at
once: separate ones lie between large ones, which then fit less and less, and the heap grows."""


def training_environment(threads: int, shares_cores: bool = False) -> dict[str, str]:
    """The environment of every training process, profiled or executed.

    Between two parallel stretches the threads of a job with exclusive cores spin for a moment, as
    OpenMP does by default: sleeping threads would wake too late. If jobs share cores, threads sleep
    at once, so that none spins on the time of another. Settings of the user's shell are left out,
    because they would make execution differ from the profile.
    """
    root = str(Path(rmixer.__file__).resolve().parents[1])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    count = str(threads)
    inherited = {name: value for name, value in os.environ.items() if name not in _WAITING}
    return {
        **inherited,
        **_KEPT_MEMORY,
        "PYTHONPATH": path,
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        **({"OMP_WAIT_POLICY": "PASSIVE"} if shares_cores else {}),
    }


class WorkerProcess:
    """One spawned worker pinned to ``cores``, with as many threads.

    ``log`` takes its output; with ``shares_cores`` other workers run on its cores too;
    ``answer_within_s`` limits the wait for an answer without a limit; ``environment`` is added to
    that of every training process. The process is its own session: a Ctrl-C at the terminal reaches
    only the parent, which then ends its workers in order.
    """

    def __init__(
        self,
        cores: Sequence[int],
        log: Path | None = None,
        *,
        shares_cores: bool = False,
        answer_within_s: float | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.cores = tuple(cores)
        self.offset_s = 0.0
        self._log, self._task_log, self._answer_within_s = log, log, answer_within_s
        self._sent = self._task = 0
        ours, theirs = socket.socketpair()
        limit = struct.pack("@ll", int(MESSAGE_LIMIT_S), int(MESSAGE_LIMIT_S % 1 * 1e6))
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        pinned = ",".join(map(str, cores))
        command = [sys.executable, "-P", "-m", "rmixer.training.worker"]
        with contextlib.ExitStack() as stack:
            stack.enter_context(theirs)
            output: Any = subprocess.DEVNULL
            if log is not None:
                log.parent.mkdir(parents=True, exist_ok=True)
                output = stack.enter_context(log.open("ab"))
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), pinned],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**training_environment(len(self.cores), shares_cores), **(environment or {})},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.connection = Connection(ours.detach())

    @property
    def pid(self) -> int:
        """The operating system's id of the process."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """True if the process has ended."""
        return self._process.poll() is not None

    def start(self, task: str, **arguments: object) -> None:
        """Starts ``module:function``; its answer arrives as a ``done`` or ``failed`` message."""
        self.start_printing(None, task, **arguments)

    def start_printing(self, log: Path | None, task: str, **arguments: object) -> None:
        """The same; the task's output is appended to ``log``."""
        self._task_log = log or self._log
        path = None if log is None else str(log)
        self.send("task", task=task, log=path, arguments=arguments)

    def send(self, kind: str, **fields: object) -> None:
        """Sends one message; raises an error if the worker has died."""
        self._sent += 1
        if kind == "task":
            self._task = self._sent
        try:
            self.connection.send({"kind": kind, "question": self._sent, **fields})
        except OSError:
            raise WorkerLost(self.epitaph()) from None

    def receive(self, timeout_s: float | None = None) -> Message:
        """The worker's next message; :class:`RunFailed` if it died or ``timeout_s`` passed, also if
        it stops in the middle of a message."""
        try:
            if not self.connection.poll(timeout_s):
                raise WorkerSilent(f"worker {self.pid} did not answer within {timeout_s:.0f} s")
            message: Message = self.connection.recv()
        except BlockingIOError:
            raise WorkerSilent(f"worker {self.pid} stopped in the middle of a message") from None
        except (EOFError, OSError):  # the latter if it died in the middle of a message
            raise WorkerLost(self.epitaph()) from None
        return message

    def answer(self, timeout_s: float | None = None) -> Message:
        """The next message that answers the last question, or the end of the running task. Answers
        to earlier questions are dropped: their sender no longer waits."""
        limit_s = self._answer_within_s if timeout_s is None else timeout_s
        while (message := self.receive(limit_s))["question"] != self._sent:
            if message["kind"] in ("done", "failed") and message["question"] >= self._task:
                break
        return message

    def expect(self, kind: str, timeout_s: float | None = None) -> Message:
        """The answer to the last question, which must be of this kind."""
        message = self.answer(timeout_s)
        if message["kind"] == "failed":
            raise failure_of(message)
        if message["kind"] != kind:
            raise RunFailed(f"worker {self.pid} sent {message['kind']!r} instead of {kind!r}")
        return message

    def ask(self, kind: str, *, timeout_s: float | None = None, **fields: object) -> Message:
        """Sends one message to the running task and returns its answer."""
        self.send(kind, **fields)
        message = self.answer(timeout_s)
        if message["kind"] == "failed":
            raise failure_of(message)
        if message["kind"] == "done" and kind != "task":
            raise RunFailed(f"worker {self.pid} had ended its task when it was asked for {kind!r}")
        return message

    def call(self, task: str, *, timeout_s: float | None = None, **arguments: object) -> Any:
        """Runs a task to its end and returns its answer."""
        return self.ask("task", task=task, arguments=arguments, timeout_s=timeout_s)["answer"]

    def warm_up(self) -> float:
        """Imports torch in the worker and settles the clock; returns the seconds it took."""
        start_s = time.perf_counter()
        self.call(WARM, threads=len(self.cores), timeout_s=300)
        self.settle_clock()
        return time.perf_counter() - start_s

    def settle_clock(self) -> None:
        """Measures ``offset_s``, which converts the worker's clock to the parent's: no shared clock
        is assumed. The exchange with the shortest round trip counts. Raises :class:`RunFailed` for
        a worker that has died or does not answer."""
        shortest_s = float("inf")
        for _ in range(5):
            sent_s = time.perf_counter()
            answer = self.ask("task", task=CLOCK, arguments={}, timeout_s=CLOCK_LIMIT_S)
            received_s = time.perf_counter()
            if received_s - sent_s < shortest_s:
                shortest_s = received_s - sent_s
                self.offset_s = (sent_s + received_s) / 2 - answer["at"]

    def epitaph(self) -> str:
        """A text about how the process ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        code = self._process.returncode
        if code is None:
            return f"worker {self.pid} closed its connection"
        if code < 0:
            name = signal.Signals(-code).name
            hint = " (the machine ran out of memory?)" if name == "SIGKILL" else ""
            return f"worker {self.pid} was killed by {name}{hint}"
        printed = f" (it printed to {self._task_log})" if self._task_log else ""
        return f"worker {self.pid} ended with exit code {code}{printed}"

    def close_softly(self) -> None:
        """Asks the running task to stop at its next step, and the process to exit after it."""
        with contextlib.suppress(RunFailed):
            self.send("stop")
            self.send("exit")

    def close(self, grace_s: float = 1.0) -> None:
        """Asks it to exit, and kills it if it has not within ``grace_s``."""
        self.close_softly()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=grace_s)
        self.kill()

    def strike(self) -> None:
        """Kills it and its children at once; its parent then notices. Any thread may call this."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def kill(self) -> None:
        """Kills it at once, and the processes that it started (those of a data loader)."""
        if self.connection.closed:
            return
        self.strike()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=KILLED_WITHIN_S)
        self.connection.close()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.kill()
