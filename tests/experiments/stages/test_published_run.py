"""24 jobs on four slots of a GPU and two of the CPU, against a loop written from the rules."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from table_runs import Starts, run_table, starts_of

from rmixer.scheduling.wanted_slots import Wanted

TYPES = ("compute", "memory", "low")
G, C = 4, 2


@dataclass(frozen=True)
class Row:
    """A job in tenths of a second: how long on the GPU and on the CPU, what it waits before that,
    and when it arrives."""

    id: str
    gpu: int
    cpu: int
    startup: int
    arrival: int
    peak: int
    utilisation: float
    type: str


def draw(seed: int) -> list[Row]:
    """24 jobs with many ties, in time and in what orders them."""
    of = random.Random(seed)
    return [
        Row(
            f"job-{number}",
            of.randint(1, 40),
            of.randint(30, 120),
            of.choice([0, 0, 3]),
            of.choice([0, 0, of.randint(0, 50)]),
            of.randint(1, 9) * 10**8,
            of.randint(0, 9) / 10,
            of.choice(TYPES),
        )
        for number in range(24)
    ]


def play(jobs: Sequence[Row], policy: str, beta: int) -> Starts:
    """Every start, tenth by tenth."""
    inside: dict[str, list[tuple[Row, int]]] = {"gpu:0": [], "cpu:0": []}
    slots = {"gpu:0": G, "cpu:0": C}
    queue: list[Row] = []
    arrived: list[Row] = []
    starts: Starts = []

    def another_type(line: list[Row]) -> Row:
        count = Counter(job.type for job, _ in inside["gpu:0"])
        common = max(TYPES, key=lambda kind: (count[kind], -TYPES.index(kind)))
        return next((job for job in line if job.type != common), line[0])

    def choose() -> tuple[Row, str] | None:
        free = [device for device in slots if len(inside[device]) < slots[device]]
        if not queue or not free:
            return None
        if policy == "dySequ@dyWork":
            return min(queue, key=lambda job: (TYPES.index(job.type), -job.peak)), free[0]
        line = sorted(queue, key=lambda job: -job.utilisation)
        if "gpu:0" in free:
            return another_type(line), "gpu:0"
        n, done = len(arrived), len(arrived) - len(queue) - sum(map(len, inside.values()))
        order = sorted(arrived, key=lambda job: -job.utilisation)
        if done < n - beta * G and order.index(line[-1]) >= n * G / (G + C):
            return line[-1], "cpu:0"
        return None

    now = 0
    while len(starts) < len(jobs):
        for device, there in inside.items():
            inside[device] = [(job, end) for job, end in there if end != now]
        new = [job for job in jobs if job.arrival == now]
        queue += new
        arrived += new
        while (chosen := choose()) is not None:
            job, device = chosen
            queue.remove(job)
            lasts = job.startup + (job.gpu if device == "gpu:0" else job.cpu)
            inside[device].append((job, now + lasts))
            starts.append((now / 10, job.id, device))
        now += 1
    return starts


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("policy", "beta"), [("dyMix", 4), ("dyMix", 2), ("dySequ@dyWork", 0)])
def test_order_devices_and_times(policy: str, beta: int, seed: int, tmp_path: Path) -> None:
    jobs = draw(seed)
    lines = ["jobs:"]
    rows = ["job,device,duration_s,startup_s,peak_bytes,utilisation,job_type"]
    for job in jobs:
        lines.append(f"- {{id: {job.id}, model: unheard-of, arrival_s: {job.arrival / 10}}}")
        for device, tenths in (("gpu", job.gpu), ("cpu", job.cpu)):
            figures = f"{job.startup / 10},{job.peak},{job.utilisation},{job.type}"
            rows.append(f"{job.id},{device},{tenths / 10},{figures}")
    workload, table = tmp_path / "w.yaml", tmp_path / "t.csv"
    workload.write_text("\n".join(lines))
    table.write_text("\n".join(rows))
    name = f"{policy}:beta={beta}" if beta else policy
    run = run_table(workload, table, name, Wanted(gpu_slots=(G,), cpu_slots=(C,)))
    expected = play(jobs, policy, beta)
    first_s = expected[0][0]
    assert starts_of(run) == [(pytest.approx(t - first_s, abs=1e-12), j, d) for t, j, d in expected]
