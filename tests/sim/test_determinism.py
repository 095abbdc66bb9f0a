"""The same inputs and seed give the same bytes, in any process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
from quickstart_like import MODELS, profiles
from rmixer.scheduling.layout import even_layout
from rmixer.scheduling.problem import problem_of
from rmixer.policies import make_policy
from sim import OperatorLevel, simulate
from rmixer.testing.made_up import make_job, make_machine, make_workload

made, machine = profiles(), make_machine(2)
jobs = [make_job(f"job-{i}", model, steps=150) for i, model in enumerate([*MODELS] * 2)]
layout = even_layout(machine, 2, 1)
for level in ("job", "operator"):
    problem = problem_of(make_workload(*jobs), machine, made)
    result = simulate(problem, make_policy("dyRand", 4), layout,
                      OperatorLevel(made, machine, seed=4), level=level)
    sys.stdout.write(result.timeline.to_csv())
"""


def events(hash_seed: str) -> bytes:
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True
    )
    return done.stdout


def test_two_processes_write_the_same_bytes():
    first = events("1")
    assert first.count(b"\n") > 60
    assert first == events("2")
