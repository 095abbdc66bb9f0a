"""The training process itself: ``python -P -m rmixer.training.worker FD CORES``.

It pins itself before anything else is imported, then runs the tasks that its parent names, one at a
time: ``module:function`` called with a :class:`Channel` and plain keyword arguments. Profiler and
executor share it, so the profiled step runs in the same conditions as the executed one. It ends
with its parent: it notices that the connection is closed, and if it is paused and cannot, the
system ends it.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":  # the affinity must be set before torch or numpy count the cores
    import ctypes

    os.sched_setaffinity(0, {int(core) for core in sys.argv[2].split(",")})
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL

import contextlib
import gc
import importlib
import queue
import signal
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from rmixer.errors import RunFailed
from rmixer.training.task_failure import report_of
from rmixer.training.task_log import drop_what_cannot_be_written, printing_to, take_lost

Message = dict[str, Any]
_NO_TASK = "no task is running that could answer"


class Channel:
    """The worker's end: messages in order, and a flag to stop. Its messages carry the number of the
    last message received, so that the parent knows which one they answer."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._question = 0
        # A data loader's processes must not hold it open: this one's death would go unnoticed.
        os.register_at_fork(after_in_child=connection.close)
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def stopping(self) -> bool:
        """True once the parent asked the running task to stop at the next step."""
        return self._stop.is_set()

    def send(self, kind: str, **fields: object) -> None:
        """Sends a message to the parent, stamped with this process's clock. If some output of the
        task could not be written, ``output_lost`` (``text``) is sent first."""
        if (lost := take_lost()) is not None:
            self._send("output_lost", text=lost)
        self._send(kind, **fields)

    def _send(self, kind: str, **fields: object) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stamp = {"at": time.perf_counter(), "question": self._question}
            self._connection.send({"kind": kind, **stamp, **fields})

    def receive(self) -> Message:
        """The parent's next message; blocks. An ``exit`` ends the process, task or not."""
        message = self._inbox.get()
        self._question = message["question"]
        if message["kind"] == "exit":
            raise SystemExit
        return message

    def _listen(self) -> None:
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                _end_with_all()  # the parent is gone: nothing is left to train for
            # In the order they were sent: a stop is for the task before it, however late either
            # of them is looked at.
            if message["kind"] == "stop":
                self._stop.set()
            elif message["kind"] == "task":
                self._stop.clear()
            self._inbox.put(message)


def _end_with_all() -> None:
    """Ends at once, with the processes that this one started (those of a data loader)."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def serve(channel: Channel) -> None:
    """Runs tasks until told to exit. An error of a task is reported; the worker goes on."""
    while True:
        try:
            message = channel.receive()
        except (
            RuntimeError
        ):  # torch's, of a data loader's process that ended by itself, at any time
            continue
        if message["kind"] in ("stop", "end"):
            continue  # it came when the task had already ended
        if message["kind"] != "task":
            channel.send("failed", **report_of(RunFailed(_NO_TASK)))
            continue
        module, _, name = message["task"].partition(":")
        try:
            function = getattr(importlib.import_module(module), name)
            with printing_to(message.get("log")):
                answer = function(channel, **message["arguments"])
            kind, told = "done", {"answer": answer}
        except SystemExit:  # asked for by the parent: a user's own is an error of another kind
            raise
        except BaseException as error:
            kind, told = "failed", report_of(error)
        if kind == "failed":
            with contextlib.suppress(RuntimeError):
                gc.collect()  # what the task held (a data loader's processes) ends with it
        channel.send(kind, **told)


def warm(channel: Channel, threads: int, on_gpu: bool = False) -> Message:
    """The first task of a training worker: imports torch, starts its threads, and loads the parts
    that torch loads only at first use (the optimizers' among them). With ``on_gpu`` also the
    context on the GPU that it sees, and the libraries there; raises :class:`RunFailed` if it sees
    none."""
    import torch

    import rmixer.training.make_step as _step  # noqa: F401

    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    device = "cpu"
    if on_gpu:
        from rmixer.training.train_on_gpu import GPU, check_gpu

        check_gpu()
        device = GPU
    layer = torch.nn.Linear(256, 256, device=device)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(256, 256, device=device)).sum().backward()
    optimizer.step()
    if on_gpu:
        torch.cuda.synchronize(device)
    return {"torch": torch.__version__, "threads": torch.get_num_threads()}


def use_cores(cores: Sequence[int]) -> None:
    """Lets every thread of this process run on ``cores`` alone, and torch use one for each."""
    import torch

    if os.sched_getaffinity(0) == set(cores) and torch.get_num_threads() == len(cores):
        return
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(int(thread), cores)
    torch.set_num_threads(len(cores))


def clock(channel: Channel) -> None:
    """Answers at once: the parent needs only the answer's time stamp."""


if __name__ == "__main__":
    # Tasks import this module by its name: it must be the same module object as this one.
    sys.modules["rmixer.training.worker"] = sys.modules["__main__"]
    drop_what_cannot_be_written()
    with contextlib.suppress(SystemExit):
        serve(Channel(Connection(int(sys.argv[1]))))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # torch takes a second to leave in order, and leaves nothing behind without it
