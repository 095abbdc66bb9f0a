"""Small tasks for a worker, and a parent to be killed."""

from __future__ import annotations

import os
import struct
import sys
import time
from pathlib import Path
from typing import Any

from rmixer.training.checkpoint import load_checkpoint
from rmixer.training.process import WorkerProcess
from rmixer.training.worker import Channel
from rmixer.workload.workload import Job


def half_a_message(channel: Channel) -> None:
    os.write(channel._connection.fileno(), struct.pack("!i", 1000) + b"half")
    time.sleep(600)


def double_later(channel: Channel, number: int, after_s: float) -> int:
    time.sleep(after_s)
    return 2 * number


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


def go_on(channel: Channel, job: Job, path: str, save_to: str) -> float:
    """Make the steps of ``job`` that come after its checkpoint, save its weights, and answer with
    the last loss."""
    import torch

    from rmixer.training.make_step import make_step

    step, found = make_step(job), load_checkpoint(Path(path))
    assert found.state is not None
    step.load_training_state(found.state)
    for _ in range(found.step, job.steps):
        step.run()
    torch.save(step.state_dict(), save_to)
    return step.loss()
