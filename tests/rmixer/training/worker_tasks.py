"""Small tasks for a worker, and a parent to be killed."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from rmixer.training.process import WorkerProcess
from rmixer.training.train_job import train_job
from rmixer.training.worker import Channel


def double(channel: Channel, number: int) -> int:
    """Answer at once."""
    return 2 * number


def surroundings(channel: Channel) -> dict[str, Any]:
    """What the process sees of its own surroundings."""
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "session": os.getsid(0),
        "affinity": sorted(os.sched_getaffinity(0)),
        "environment": dict(os.environ),
        "torch imported": "torch" in sys.modules,
    }


def torch_threads(channel: Channel) -> tuple[int, int]:
    """What torch itself says, within and between operators."""
    import torch

    return torch.get_num_threads(), torch.get_num_interop_threads()


def fail(channel: Channel, text: str) -> None:
    """Raise."""
    raise ValueError(text)


def say(channel: Channel, text: str) -> None:
    """Print to both streams."""
    print(text, flush=True)
    print(text.upper(), file=sys.stderr, flush=True)


def count_until_stopped(channel: Channel, most: int = 1000) -> int:
    """Count in steps of 10 ms, each reported, until told to stop."""
    for number in range(most):
        if channel.stopping:
            return number
        channel.send("counted", number=number)
        time.sleep(0.01)
    return most


def see_a_stop(channel: Channel, within_s: float) -> bool:
    """Whether a stop arrives."""
    end_s = time.perf_counter() + within_s
    while not channel.stopping and time.perf_counter() < end_s:
        time.sleep(0.001)
    return channel.stopping


def exchange(channel: Channel, size: int) -> int:
    """Send ``size`` bytes before looking at what was received."""
    channel.send("load", content=bytes(size))
    return len(channel.receive()["content"])


def leave(channel: Channel, code: int) -> None:
    """End the process in the middle of a task."""
    os._exit(code)


def leave_half_a_message(channel: Channel) -> None:
    """Announce a message of 1000 bytes, send three, and die."""
    os.write(int(sys.argv[1]), (1000).to_bytes(4, "big") + b"abc")
    os._exit(1)


def sleep(channel: Channel, seconds: float) -> None:
    """Hear nothing for a while."""
    time.sleep(seconds)


if __name__ == "__main__":  # a parent: two workers at work, then it waits to be killed
    workers = [WorkerProcess((min(os.sched_getaffinity(0)),)) for _ in range(2)]
    for worker in workers:
        worker.start("worker_tasks:sleep", seconds=600)
    print(*(worker.pid for worker in workers), flush=True)
    time.sleep(600)


class _Keeping:
    """A channel that keeps a copy of the checkpoint after ``steps`` steps."""

    def __init__(self, channel: Channel, path: Path, steps: int) -> None:
        self._channel, self._path, self._steps = channel, path, steps
        self.kept = b""

    @property
    def stopping(self) -> bool:
        return self._channel.stopping

    def send(self, kind: str, **fields: Any) -> None:
        self._channel.send(kind, **fields)
        if kind == "checkpointed" and fields["steps"] == self._steps:
            self.kept = self._path.read_bytes()


def train_and_put_back(channel: Channel, steps: int, path: str, **job: Any) -> dict[str, Any]:
    """Train a whole job, and leave of its checkpoints at ``path`` the one after ``steps``."""
    keeping = _Keeping(channel, Path(path), steps)
    answer = train_job(keeping, **job)  # type: ignore[arg-type]
    Path(path).write_bytes(keeping.kept)
    return answer
