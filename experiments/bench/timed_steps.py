"""A worker's task: our step and the straightforward one, timed in turn in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from experiments.bench.findings import STATES
from experiments.bench.straightforward import NetworkKind, StraightforwardStep
from rmixer.training.step import TrainingStep
from rmixer.training.worker import Channel
from rmixer.workload.workload import Job

MATRIX = 1024
COPIED_BYTES = 1 << 28
LEAST_STEPS = 2


@dataclass(frozen=True)
class TimedSteps:
    """Milliseconds a step, median over rounds: ``ours_ms``, ``straightforward_ms`` and, of ours,
    ``load_ms`` for its batch alone. ``speedup`` is the median over rounds of theirs over ours of
    one round; ``floor`` how far two blocks of ours in one round differ. ``flops`` of one step in
    matrix products; ``least_bytes`` that it must move: each weight and state it changes and each
    row of the batch once in and once out, the batch once in. ``gflops`` and ``gbps`` are the
    machine's, measured between the rounds. ``network`` says whether theirs was a plain network or
    shared ours."""

    network: NetworkKind
    ours_ms: float
    straightforward_ms: float
    load_ms: float
    speedup: float
    floor: float
    flops: int
    least_bytes: int
    gflops: float
    gbps: float
    steps: int

    @property
    def bound_ms(self) -> float:
        """The machine's own bound: arithmetic or traffic, whichever takes longer."""
        return max(self.flops / self.gflops, self.least_bytes / self.gbps) / 1e6


def time_steps(
    channel: Channel, job: Job, rounds: int, block_s: float, network: NetworkKind
) -> dict[str, Any]:
    """:class:`TimedSteps` of ``job`` as a dict, on this worker's threads. The other step has a
    plain network if there is one, or shares ours if ``network`` says so."""
    ours, theirs = TrainingStep(job), StraightforwardStep(job, network=network)
    for _ in range(3):
        ours.run()
        theirs.run()
    with FlopCounterMode(display=False) as counter:
        ours.run()
    found: dict[str, list[float]] = {name: [] for name in ("a", "b", "theirs", "load")}
    gflops, gbps = [], []
    steps = 0
    for _ in range(rounds):
        for name, run in (("a", ours.run), ("theirs", theirs.run), ("b", ours.run)):
            seconds = _block(run, block_s)
            found[name].append(statistics.median(seconds))
            steps += len(seconds)
        found["load"].append(statistics.median(_block(ours.load, block_s / 8)))
        gflops.append(_matmul_gflops())
        gbps.append(_copy_gbps())
    both = [(a + b) / 2 for a, b in zip(found["a"], found["b"], strict=True)]
    ratios = [theirs / ours for theirs, ours in zip(found["theirs"], both, strict=True)]
    apart = [abs(a / b - 1) for a, b in zip(found["a"], found["b"], strict=True)]
    return vars(
        TimedSteps(
            network=theirs.network_kind,
            ours_ms=statistics.median(both) * 1e3,
            straightforward_ms=statistics.median(found["theirs"]) * 1e3,
            load_ms=statistics.median(found["load"]) * 1e3,
            speedup=statistics.median(ratios),
            floor=statistics.median(apart),
            flops=int(counter.get_total_flops()),
            least_bytes=_least_bytes(ours),
            gflops=statistics.median(gflops),
            gbps=statistics.median(gbps),
            steps=steps,
        )
    )


def _block(run: Callable[[], object], block_s: float) -> list[float]:
    """The durations of repeated runs, about ``block_s`` in all."""
    seconds: list[float] = []
    while len(seconds) < LEAST_STEPS or sum(seconds) < block_s:
        start_s = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start_s)
    return seconds


def _least_bytes(step: TrainingStep) -> int:
    """The bytes that one step changes, read and written once, and its batch, read once."""
    copies = 2 * STATES[step.job.optimizer]
    dense: int = sum(p.nbytes for p in step.model.parameters() if p.requires_grad)
    batch = step.batches.next_batch()
    tables = step.model.tables
    rows: int = sum(
        len(at.unique()) * tables[name].shape[1] * 4
        for name, at in step.model.table_ids(batch).items()
    )
    read: int = sum(values.nbytes for values in batch.values())
    return (dense + rows) * copies + read


def _matmul_gflops() -> float:
    left, product = torch.ones(2, MATRIX, MATRIX)
    seconds = _block(lambda: torch.mm(left, left, out=product), 0.1)
    return 2 * MATRIX**3 / statistics.median(seconds) / 1e9


def _copy_gbps() -> float:
    source, target = torch.ones(2, COPIED_BYTES // 8)
    return COPIED_BYTES / statistics.median(_block(lambda: target.copy_(source), 0.1)) / 1e9
