"""How long the job level takes to simulate six jobs on two slots once its mixes are known.

``python -m experiments.bench.simulate_job_level [--repeats N] [--profiles FOLDER]``; FOLDER holds
a machine.yaml and the profiles of the three models at their defaults. Without it all is made up.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import click

from rmixer.hardware.machine import Machine, read_machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.model_profile.profile_files import read_profile
from rmixer.policies import make_policy
from rmixer.scheduling.layout import even_layout
from rmixer.scheduling.problem import problem_of
from rmixer.testing.made_up import (
    by_key,
    make_job,
    make_machine,
    make_operator,
    make_profile,
    make_step,
    make_workload,
)
from sim import OperatorLevel, simulate

STEPS = {"criteo_dlrm": 400, "criteo_deepfm": 600, "amazon_din": 1500}
GOAL_MS = 20.0


def made_up() -> tuple[Machine, dict[str, ModelProfile]]:
    """Two cores and three models of 150 operators, light and heavy on memory in turn."""
    operators = [make_operator(40 + index, 1000 * (index % 7)) for index in range(150)]
    profiles = [
        make_profile(
            model,
            [
                make_step(
                    mean_us=6e6 / steps,
                    compute_slowdown=(1.05,),
                    stream_slowdown=(1.6,),
                    pressure=0.7,
                    build_s=0.5,
                    warmup_s=0.2,
                    evaluate_s=0.2,
                    save_s=0.1,
                )
            ],
            operators,
            warmup_steps=5,
        )
        for model, steps in STEPS.items()
    ]
    return make_machine(cores=2), by_key(*profiles)


def recorded(folder: Path) -> tuple[Machine, dict[str, ModelProfile]]:
    """The machine and the profiles in ``folder``; raises :class:`InputError`."""
    found = [read_profile(path.parent) for path in sorted(folder.glob("*/summary.json"))]
    return read_machine(folder / "machine.yaml"), by_key(*found)


@click.command()
@click.option("--repeats", type=click.IntRange(1), default=200, show_default=True)
@click.option("--profiles", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(repeats: int, profiles: Path | None) -> None:
    """Time the job level."""
    machine, known = recorded(profiles) if profiles else made_up()
    jobs = [
        make_job(f"{model}-{copy}", model, steps)
        for copy in range(2)
        for model, steps in STEPS.items()
    ]
    workload, layout = make_workload(*jobs), even_layout(machine, 2, 1)
    step_times = OperatorLevel(known, machine)

    problem = problem_of(workload, machine, known)

    def once_ms() -> float:
        start_s = time.perf_counter()
        simulate(
            problem,
            make_policy("dyType"),
            layout,
            step_times,
            level="job",
        )
        return (time.perf_counter() - start_s) * 1e3

    first_ms = once_ms()
    times_ms = [once_ms() for _ in range(max(2, repeats))]
    tenths = statistics.quantiles(times_ms, n=10, method="inclusive")
    click.echo(f"first run, mixes solved: {first_ms:.0f} ms")
    click.echo(
        f"then: median {tenths[4]:.2f} ms, p10 {tenths[0]:.2f}, p90 {tenths[8]:.2f} "
        f"({len(times_ms)} repeats; goal: under {GOAL_MS:.0f} ms)"
    )


if __name__ == "__main__":
    main()
