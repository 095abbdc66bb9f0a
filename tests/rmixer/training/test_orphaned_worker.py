"""A worker that is held still ends with its parent all the same."""

from __future__ import annotations

import subprocess
import sys

import psutil

PARENT = """
import time
from rmixer.training.process import WorkerProcess

with WorkerProcess([{core}]) as worker:
    worker.settle_clock()
    print(worker.pid, flush=True)
    time.sleep(600)
"""


def test_a_worker_that_is_held_still_when_its_parent_is_killed() -> None:
    core = min(psutil.Process().cpu_affinity())
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(core=core)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    worker = psutil.Process(int(parent.stdout.readline()))
    worker.suspend()
    parent.kill()
    parent.communicate()
    _, alive = psutil.wait_procs([worker], timeout=20)
    assert not alive
