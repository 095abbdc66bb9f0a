"""Predictions get their intervals, comparisons keep the machine's noise, and both go together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_runs import fail, job_names, packed_run

from experiments.run_files.run_folder import (
    MEASURED,
    PREDICTED,
    REPEAT,
    RunFolder,
    RunInputs,
)
from experiments.stages.comparing import validate_run
from experiments.stages.inputs import inputs_of
from experiments.stages.prediction import with_intervals
from experiments.stages.simulation import Simulation
from experiments.stages.sweep import SweepWish, sweep
from profiles.machines import limits
from profiles.stored.store import Store
from rmixer.hardware.machine import Machine
from rmixer.policies import make_policy
from rmixer.run_record.run_summary import RunSummary
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.schedule import schedule_of
from rmixer.testing.made_up import make_job, make_machine, make_workload
from sim import OperatorLevel, simulate
from sim.simple_step_times.uncontended import Uncontended

NAMES = job_names(4)
WORKLOAD = make_workload(
    *(make_job(f"{model}-0", model, steps=60) for model in ("criteo_dlrm", "amazon_din"))
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    return Store()


@pytest.fixture
def here(store: Store) -> Machine:
    """This machine, as if it had been measured."""
    machine = replace(
        make_machine(cores=len(limits.usable_cores()), memory_bytes=limits.usable_memory_bytes()),
        cores=limits.usable_cores(),
        processor=limits.processor_name(),
        gpus=make_machine(gpus=limits.usable_gpus()).gpus,
        origin="measured",
    )
    store.save_machine(machine)
    return machine


def folder_of(path: Path, machine: Machine, repeat: RunSummary | None = None) -> RunFolder:
    """A run that took its schedule, and ``repeat`` a second time."""
    inputs = RunInputs("run", make_workload(), machine, {})
    folder = RunFolder.create(path, inputs, lambda text: None)
    for part, name in ((PREDICTED, "predicted"), (MEASURED, "measured")):
        summary, timeline = packed_run(NAMES, 2, run=name)
        folder.write(part, timeline, summary)
    if repeat is not None:
        folder.write(REPEAT, timeline, repeat)
    return folder


def test_what_was_executed_twice_here_is_kept_once(
    store: Store, here: Machine, tmp_path: Path
) -> None:
    first, _ = packed_run(NAMES, 2, run="repeat")
    repeat = replace(first, makespan_s=first.makespan_s / 1.04)
    folder = folder_of(tmp_path / "run", here, repeat)
    comparison = validate_run(folder)
    assert validate_run(folder) == comparison
    assert comparison.noise_floor is not None
    assert store.noise(here) == pytest.approx(0.04) == comparison.noise_floor.makespan


def test_nothing_is_kept_of_what_tells_nothing_of_this_machine(
    store: Store, here: Machine, tmp_path: Path
) -> None:
    """Another machine; one execution; others on the same cores; an interruption; a job that
    failed."""
    first, _ = packed_run(NAMES, 2, run="repeat")
    repeat = replace(first, makespan_s=first.makespan_s / 1.04)
    runs = {
        "elsewhere": (replace(here, probe_s=1.0), repeat),
        "once": (here, None),
        "shared": (here, replace(repeat, shared_with=("another",))),
        "interrupted": (here, replace(repeat, interruptions=1)),
        "failed": (here, fail(repeat, NAMES[0])),
    }
    for name, (machine, second) in runs.items():
        validate_run(folder_of(tmp_path / name, machine, second))
        assert store.noise(here) == 0.0, name


def test_simulations_have_them_and_are_else_what_they_were(store: Store, tmp_path: Path) -> None:
    """The timeline is the same, every run writes the same bytes, and a kept noise widens them."""
    problem = inputs_of(WORKLOAD, "epyc-2c", store, lambda text: None)
    assert problem.noise == 0.0
    layout = Cut(cpu_slots=2).layout(problem.machine)
    written, runs = [], []
    for noise in (0.0, 0.0, 0.2):
        noisy = replace(problem, noise=noise)
        times = OperatorLevel(problem.profiles, problem.machine)
        policy = make_policy("dySequ")
        plain = simulate(noisy, policy, layout, times)
        schedule = schedule_of(noisy.workload, noisy.machine, policy, layout, plain.bookings)
        run = with_intervals(noisy, schedule, plain, times)
        inputs = RunInputs("simulate", problem.workload, problem.machine, {})
        path = tmp_path / str(len(runs))
        folder = RunFolder.create(path, inputs, lambda text: None)
        Simulation(inputs, noisy, schedule, run, times).write_into(folder)
        plain.timeline.write_csv(path / "plain.csv")
        assert (path / "plain.csv").read_bytes() == (path / "events.csv").read_bytes()
        assert run.summary.makespan_s == plain.summary.makespan_s
        written.append((path / "summary.json").read_bytes())
        runs.append(run.summary)
    assert written[0] == written[1]
    low_s, high_s = runs[0].makespan_interval_s or (0.0, 0.0)
    assert 0 < low_s < runs[0].makespan_s < high_s
    for job in runs[0].jobs:
        assert job.end_interval_s is not None
        assert job.step_interval_ms is not None
        assert job.step_interval_ms[0] < (job.step_ms_p50 or 0.0) < job.step_interval_ms[1]
    wide = runs[2].makespan_interval_s or (0.0, 0.0)
    assert wide[1] - wide[0] > high_s - low_s
    assert runs[2].machine_noise == 0.2


def test_rough_step_times_give_none(store: Store) -> None:
    problem = inputs_of(WORKLOAD, "epyc-2c", store, lambda text: None)
    layout, times = Cut(cpu_slots=2).layout(problem.machine), Uncontended(problem.profiles)
    policy = make_policy("dySequ")
    run = simulate(problem, policy, layout, times)
    schedule = schedule_of(problem.workload, problem.machine, policy, layout, run.bookings)
    assert with_intervals(problem, schedule, run, times) is run


def test_a_sweep_has_them_of_the_best_and_of_one_at_a_time(store: Store) -> None:
    problem = inputs_of(WORKLOAD, "epyc-2c", store, lambda text: None)
    times = OperatorLevel(problem.profiles, problem.machine)
    found = sweep(problem, times, SweepWish(policies=("dySequ",)))
    for run in (found.predicted, found.sequential):
        low_s, high_s = run.summary.makespan_interval_s or (0.0, 0.0)
        assert 0 < low_s < high_s


def test_a_prediction_for_this_machine_knows_its_noise(
    store: Store, here: Machine, tmp_path: Path
) -> None:
    first, _ = packed_run(NAMES, 2, run="repeat")
    repeat = replace(first, makespan_s=first.makespan_s / 1.04)
    validate_run(folder_of(tmp_path / "run", here, repeat))
    problem = inputs_of(make_workload(), here.name, store, lambda text: None)
    assert problem.noise == pytest.approx(0.04)
    assert inputs_of(WORKLOAD, "epyc-2c", store, lambda text: None).noise == 0.0
