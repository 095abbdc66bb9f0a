"""One figure of :mod:`experiments.bench.sweep_speed`, by the code that Python finds first.

This file runs under an older commit as well, so it asks for no more than that has.

``python sweep_speed_figures.py NAME PLACE TREE`` prints the figure as its last line.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WORKLOAD, MACHINE = "balance_24", "h100-16c"


def problem() -> Any:
    """The 24 jobs on the recorded GPU machine."""
    import experiments
    from experiments.stages.inputs import inputs_of
    from profiles.stored.store import Store
    from rmixer.workload.workload_file import read_workload

    folder = Path(experiments.__file__).parent / "workloads"
    return inputs_of(read_workload(folder / f"{WORKLOAD}.yaml"), MACHINE, Store(), lambda _: None)


def sweep_s(place: Path, tree: str, again: bool = False) -> float:
    """Seconds of the whole command."""
    import experiments

    workload = Path(experiments.__file__).parent / "workloads" / f"{WORKLOAD}.yaml"
    if not again:
        for path in (place / f"home-{tree}").glob("mixes.sqlite*"):
            path.unlink()
    begin_s = time.perf_counter()
    command = ["-m", "rmixer.cli", "sweep", str(workload), "--machine", MACHINE, "--json"]
    out = place / f"sweep-{tree}-{time.time_ns()}"
    subprocess.run([sys.executable, *command, "--out", str(out)], check=True, capture_output=True)
    return time.perf_counter() - begin_s


def live_ms() -> float:
    """Milliseconds of one simulation whose mixes are known, the median of many."""
    from experiments.stages.prediction import step_times_for
    from rmixer.policies import make_policy
    from rmixer.scheduling.layout import even_layout
    from sim.job_level.simulate import simulate

    given = problem()
    layout, times = even_layout(given.machine, 8, 1), step_times_for(given)

    def once() -> float:
        begin_s = time.perf_counter()
        simulate(given, make_policy("dyType"), layout, times, level="job")
        return (time.perf_counter() - begin_s) * 1e3

    once()
    return statistics.median(once() for _ in range(40))


def judge_ms() -> float:
    """Milliseconds of judging one planned schedule whose mixes are known."""
    from experiments.stages.prediction import step_times_for
    from rmixer.policies import make_policy
    from rmixer.scheduling.layout import even_layout
    from rmixer.scheduling.schedule import schedule_of
    from sim.job_level.simulate import simulate
    from sim.planning.evaluator import Evaluator

    given = problem()
    layout, times, policy = (
        even_layout(given.machine, 8, 1),
        step_times_for(given),
        make_policy("dyType"),
    )
    run = simulate(given, policy, layout, times, level="job")
    plan = schedule_of(given.workload, given.machine, policy, layout, run.bookings).dispatches
    evaluator = Evaluator(given, layout, times)
    arrays = evaluator.plan(plan)
    evaluator.judge_plan(arrays)

    def once() -> float:
        begin_s = time.perf_counter()
        for _ in range(100):
            evaluator.judge_plan(arrays)
        return (time.perf_counter() - begin_s) * 10

    return statistics.median(once() for _ in range(20))


def mix_ms() -> float:
    """Milliseconds of solving a mix of eight jobs on one GPU, the median of twenty. The first does
    not count: it loads what was compiled."""
    from rmixer.scheduling.step_times import Member, Mix
    from sim.operator_level.operator_level import OperatorLevel

    given = problem()
    names, draw = sorted(given.profiles), random.Random(0)
    level = OperatorLevel(given.profiles, given.machine)
    taken = []
    for _ in range(21):
        members = enumerate(draw.sample(names, 8))
        mix = Mix(tuple(Member(name, "train", "gpu:0", (core,)) for core, name in members))
        begin_s = time.perf_counter()
        level.unit_s(mix)
        taken.append((time.perf_counter() - begin_s) * 1e3)
    return statistics.median(taken[1:])


def jobs_100000_s() -> float:
    """Seconds of 100,000 jobs on 800 GPUs."""
    from experiments.bench.large_cluster import simulated_s

    return simulated_s(100_000)


if __name__ == "__main__":
    name, place, tree = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    figures = {
        "sweep_s": lambda: sweep_s(place, tree),
        "sweep_again_s": lambda: sweep_s(place, tree, again=True),
        "live_ms": live_ms,
        "judge_ms": judge_ms,
        "mix_ms": mix_ms,
        "jobs_100000_s": jobs_100000_s,
    }
    print(json.dumps(figures[name]()))
