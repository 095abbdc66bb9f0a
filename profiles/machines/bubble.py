"""Bubbles: neighbours of a known kind, one on each of some cores, controlled by commands.

A *compute* bubble multiplies matrices that stay in its core's cache; a *stream* bubble copies
arrays that no cache holds. Next to a job they show how it suffers and how it disturbs (Bubble-Up,
MICRO 2011); alone they measure the machine.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Sequence
from typing import Literal

import numpy as np

from profiles.machines.kept_waiting import MOST_WAITED, Waiting
from profiles.machines.tasks import BUBBLE
from rmixer.errors import RunFailed
from rmixer.training.process import Message, WorkerProcess
from rmixer.training.worker import Channel

Work = Literal["compute", "stream"]
MATRIX = 96
STREAM_BYTES = 64 << 20
PROBE_PRODUCTS = 1000
PROBE_QUANTILE = 0.05
"""The quantile of many probes that counts as the machine's full speed."""
LOOK_S = 0.3
ANSWER_WITHIN_S = 60.0


def bubble(channel: Channel) -> None:
    """The worker's task: answers ``run`` (``work``, ``seconds``) with the rate of units a second,
    and ``count`` (``units`` of compute) with the seconds they took, until ``end``."""
    left = np.ones((MATRIX, MATRIX), np.float32)
    out = np.empty_like(left)
    source = np.ones(STREAM_BYTES // 8)
    target = np.zeros_like(source)
    while (message := channel.receive())["kind"] != "end":
        start_s = time.perf_counter()
        if message["kind"] == "count":
            for _ in range(message["units"]):
                np.dot(left, left, out=out)
            channel.send("counted", seconds=time.perf_counter() - start_s)
            continue
        units = 0
        end_s = start_s + message["seconds"]
        while (now_s := time.perf_counter()) < end_s:
            if message["work"] == "compute":
                np.dot(left, left, out=out)
            else:
                np.copyto(target, source)
            units += 1
        channel.send("ran", rate=units / (now_s - start_s))


class _Bubble:
    """One such process, pinned to a core. If it has ended, or did not answer, it is restarted when
    it is needed next: the system may end any process when memory is short."""

    def __init__(self, core: int) -> None:
        self.cores = (core,)
        self.worker = WorkerProcess(self.cores)

    def start(self) -> None:
        self.worker.start(BUBBLE)

    def send(self, kind: str, **fields: object) -> None:
        if self.worker.has_ended:
            self.worker.kill()
            self.worker = WorkerProcess(self.cores)
            self.start()
        self.worker.send(kind, **fields)

    def answer(self, kind: str) -> Message:
        """The answer to the last message."""
        try:
            return self.worker.expect(kind, ANSWER_WITHIN_S)
        except RunFailed as failure:
            self.worker.kill()
            why = f"the neighbour on core {self.cores[0]} failed: {failure.reason}"
            raise RunFailed(why) from None


class Bubbles:
    """One bubble process pinned to each of ``cores``, idle until told to run. A failure does not
    affect the next command."""

    def __init__(self, cores: Sequence[int]) -> None:
        self._workers: list[_Bubble] = []
        try:
            for core in cores:
                self._workers.append(_Bubble(core))
            for worker in self._workers:
                worker.start()
            self.run("compute", 0.05)
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return len(self._workers)

    def facing(self, cores: Sequence[int]) -> Bubbles:
        """The same processes in another order, from the last core on, with those on ``cores``,
        where a job is, at the end. This object still ends them."""
        turned = copy.copy(self)
        from_last = self._workers[::-1]
        turned._workers = sorted(from_last, key=lambda worker: worker.cores[0] in cores)
        return turned

    def start(self, work: Work, seconds: float, count: int | None = None) -> None:
        """Starts the first ``count`` bubbles; :meth:`rates` collects their results."""
        for worker in self._workers[:count]:
            worker.send("run", work=work, seconds=seconds)

    def rates(self, count: int | None = None) -> list[float]:
        """Units a second of each bubble that :meth:`start` started."""
        return [float(worker.answer("ran")["rate"]) for worker in self._workers[:count]]

    def run(self, work: Work, seconds: float, count: int | None = None) -> list[float]:
        """Starts and collects."""
        self.start(work, seconds, count)
        return self.rates(count)

    def pair(self, first: Work, second: Work, other: int, seconds: float) -> float:
        """The rate of the first bubble at ``first`` next to bubble ``other`` at ``second``."""
        pair = (self._workers[0], self._workers[other])
        for worker, work in zip(pair, (first, second), strict=True):
            worker.send("run", work=work, seconds=seconds)
        first_rate, _ = (float(worker.answer("ran")["rate"]) for worker in pair)
        return first_rate

    def probe(self) -> float:
        """Seconds that a fixed computation takes on all cores at once, the mean over cores."""
        for worker in self._workers:
            worker.send("count", units=PROBE_PRODUCTS)
        return statistics.mean(float(w.answer("counted")["seconds"]) for w in self._workers)

    def taken(self) -> dict[int, float]:
        """The share of each core's time that other programs have, sampled briefly; cores of which
        they have hardly any are left out."""
        waiting = {each.cores[0]: Waiting(each.worker) for each in self._workers}
        self.run("compute", LOOK_S)
        shares = {core: each.share() for core, each in waiting.items()}
        return {core: share for core, share in sorted(shares.items()) if share > MOST_WAITED}

    def close(self) -> None:
        """End the processes."""
        for each in self._workers:
            each.worker.kill()

    def __enter__(self) -> Bubbles:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def probe_machine(cores: Sequence[int], repeats: int = 9) -> float:
    """The median probe time on ``cores``: the present speed of the machine."""
    with Bubbles(cores) as bubbles:
        return statistics.median(bubbles.probe() for _ in range(repeats))
