"""No simulated second costs anything by itself: what is counted does not grow with steps."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from quickstart_like import MODELS, profiles
from simpy import Environment

import sim.operator_level.operator_level as operator_level
from rmixer.policies import make_policy
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.problem import problem_of
from rmixer.scheduling.step_times import StepTimes
from rmixer.testing.made_up import make_job, make_machine, make_workload
from sim import OperatorLevel, Uncontended, simulate
from sim.simple_step_times.mean_demand import MeanDemand

MACHINE = make_machine(cores=3, gpus=1)
PHASES = {"build_s": 0.0, "warmup_s": 0.0, "evaluate_s": 0.0, "save_s": 0.0}
# Training alone, so that a million times the steps are the same schedule, a million times as long.
PROFILES = {
    key: replace(
        profile,
        warmup_steps=0,
        steps=tuple(replace(cost, **PHASES) for cost in profile.steps),
    )
    for key, profile in profiles(gpu=True, cpu=True).items()
}
POLICIES = ["dySequ", "dyType@dyWork", "static", "lpt"]


def counted(
    monkeypatch: pytest.MonkeyPatch, policy: str, times: StepTimes, steps: int
) -> tuple[Counter[str], float]:
    """How often SimPy's clock ticks and a mix is walked; and the makespan."""
    counts: Counter[str] = Counter()
    tick, walk = Environment.step, operator_level.replicate

    def ticked(env: Environment) -> None:
        counts["events"] += 1
        tick(env)

    def walked(*arguments):
        counts["walks"] += 1
        return walk(*arguments)

    jobs = (
        make_job(f"job-{index}", model, steps=steps * (1 + index))
        for index, model in enumerate([*MODELS, *MODELS])
    )
    with monkeypatch.context() as patch:
        patch.setattr(Environment, "step", ticked)
        patch.setattr(operator_level, "replicate", walked)
        made = make_policy(policy)
        problem = problem_of(make_workload(*jobs), MACHINE, PROFILES)
        layout = made.layout(MACHINE, 6, Cut(gpu_slots=2, cpu_slots=1))
        result = simulate(problem, made, layout, times, level="job")
    return counts, result.summary.makespan_s


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", [OperatorLevel, MeanDemand, Uncontended])
def test_ten_steps_cost_what_ten_million_do(
    monkeypatch: pytest.MonkeyPatch, kind: type, policy: str
):
    def run(steps: int) -> tuple[Counter[str], float]:
        made = kind(PROFILES) if kind is Uncontended else kind(PROFILES, MACHINE)
        return counted(monkeypatch, policy, made, steps)

    (few, short_s), (many, long_s) = run(10), run(10_000_000)
    assert long_s == pytest.approx(1_000_000 * short_s)
    assert few["events"] > 0
    assert (few["walks"] > 0) == (kind is OperatorLevel)
    assert few == many
