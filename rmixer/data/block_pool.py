"""Worker processes that parse blocks of raw files, as their parent sees them."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from types import TracebackType

from rmixer.data.kept_blocks import BlockTask
from rmixer.errors import RunFailed

_AHEAD = 4


class BlockPool:
    """A pool of ``workers`` processes, started when they are needed; with 0 this process does the
    work.

    It is a context manager: on leaving it every process has ended.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.window = workers + _AHEAD if workers else 1
        """The number of blocks that are parsed, or wait for it or for their use, at one time."""
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._started: list[_Worker] = []
        self._threads = ThreadPoolExecutor(max(1, workers))
        self._closed = False

    def __enter__(self) -> BlockPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        for worker in self._started:
            worker.end()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._started:  # those that were started meanwhile
            worker.end()

    def in_order(self, tasks: Iterator[tuple[BlockTask, bool]]) -> Generator[BlockTask, None, None]:
        """Yields each of ``tasks`` in order, when it is done; one that is not needed comes
        unchanged."""
        ahead: deque[tuple[BlockTask, Future[None] | None]] = deque()
        try:
            for task, needed in tasks:
                future = self._threads.submit(self._carry_out, task) if needed else None
                ahead.append((task, future))
                if len(ahead) >= self.window:
                    yield self._first(ahead)
            while ahead:
                yield self._first(ahead)
        finally:
            for _, waiting in ahead:
                if waiting is not None:
                    waiting.cancel()

    def _first(self, ahead: deque[tuple[BlockTask, Future[None] | None]]) -> BlockTask:
        task, future = ahead[0]
        if future is not None:
            future.result()
        ahead.popleft()
        return task

    def _carry_out(self, task: BlockTask) -> None:
        if not self.workers:
            task.carry_out()
            return
        try:
            worker = self._idle.get_nowait()
        except queue.Empty:
            worker = _Worker()
            self._started.append(worker)
            if self._closed:
                worker.end()
        worker.carry_out(task)
        self._idle.put(worker)


class _Worker:
    """A process in a session of its own, so that a Ctrl-C at the terminal reaches only us."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "rmixer.data.block_worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                    "OMP_NUM_THREADS": "1",
                    "OPENBLAS_NUM_THREADS": "1",
                },
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._connection = Connection(ours.detach())

    def carry_out(self, task: BlockTask) -> None:
        try:
            self._connection.send(task)
            answer: object = self._connection.recv()
        except (EOFError, OSError):
            code = self._process.wait()
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            hint = "; the memory may not suffice for so many --workers" if code == -9 else ""
            raise RunFailed(f"a process that reads {task.block.path} ended: {how}{hint}") from None
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            raise RunFailed(f"{task.block.path} could not be parsed:\n{answer}")

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
