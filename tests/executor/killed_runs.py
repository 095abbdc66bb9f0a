"""Runs whose supervisor is killed in the middle."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from executed_workloads import execute

from executor.journal.journal import NAME, Journal
from rmixer.workload.workload import Job

PATIENCE_S = 300.0


class Killed:
    """``execute`` in a process of its own, which is killed when ``ready`` finds its journal so."""

    def __init__(self, folder: Path, jobs: list[Job], ready: Callable[[Journal], bool]) -> None:
        process = multiprocessing.get_context("spawn").Process(target=_run, args=(folder, jobs))
        process.start()
        assert process.pid is not None
        root = psutil.Process(process.pid)
        end_s = time.monotonic() + PATIENCE_S
        while not ((folder / NAME).exists() and _is_ready(folder, ready)):
            assert time.monotonic() < end_s
            assert process.is_alive()
            time.sleep(0.02)
        workers = root.children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        psutil.wait_procs(workers, timeout=PATIENCE_S)


def _run(folder: Path, jobs: list[Job]) -> None:
    execute(folder, jobs, checkpoint_every_s=0.2)


def _is_ready(folder: Path, ready: Callable[[Journal], bool]) -> bool:
    with Journal(folder / NAME) as journal:
        return ready(journal)
