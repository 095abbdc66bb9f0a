"""A search that may change batches: what it chooses, and where that is said."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from made_up_programs import make_command_job

from experiments.run_files.run_folder import SCHEDULE, RunFolder, RunInputs
from experiments.stages.execution import ExecutionRequest
from experiments.stages.inputs import other_sizes
from experiments.stages.prediction import replay, step_times_for
from experiments.stages.search_wish import SEARCH, Asked, SearchWish
from experiments.stages.sweep import Sweep, SweepWish, sweep
from experiments.tables.sweep_table import sweep_table
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.files.typed_files import write_json
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.problem import Problem, ProfiledJob, problem_of
from rmixer.scheduling.schedule import Schedule
from rmixer.testing.made_up import (
    by_key,
    make_job,
    make_machine,
    make_operator,
    make_profile,
    make_step,
    make_workload,
)
from rmixer.workload.rebatching import with_batch
from sim.planning.lower_bound import lower_bound
from sim.planning.objective import Objective

MACHINE = make_machine(cores=2)
STEP_MS = {64: 10.0, 128: 15.0, 256: 50.0}
"""By batch: at 128 samples cost least."""


def profile(batch: int, threads: tuple[int, ...] = (1,)) -> ModelProfile:
    steps = [make_step(threads=n, mean_us=STEP_MS[batch] * 1000) for n in threads]
    operators = [make_operator(9000, threads=n) for n in threads]
    return make_profile(batch=batch, steps=steps, operators=operators)


def problem(count: int = 3) -> Problem:
    queue = [make_job(f"job-{i}", steps=51 + 100 * i, batch=64) for i in range(count)]
    queue = [replace(job, weight=1.0 + i, deadline_s=1.0) for i, job in enumerate(queue)]
    others = tuple(
        ProfiledJob(with_batch(job, batch), with_batch(job, batch).identity.key, profile(batch))
        for job, batch in product(queue, (128, 256))
    )
    made = problem_of(make_workload(*queue), MACHINE, by_key(profile(64)))
    return replace(made, others=others)


def searched(given: Problem, objective: Objective = "makespan", processes: int = 1) -> Sweep:
    wish = SearchWish(evaluations=1500, processes=processes)
    asked = SweepWish(("dySequ", "lpt"), objective=objective, search=wish)
    return sweep(given, step_times_for(given), asked, processes=processes)


def test_it_takes_the_batch_that_costs_least() -> None:
    given = problem()
    found = searched(given)
    (row,) = (row for row in found.rows if row.policy == SEARCH)
    assert found.best.policy == SEARCH
    assert row.batches == found.schedule.batches == {f"job-{i}": 128 for i in range(3)}
    jobs = [each.job for each in found.problem.jobs]
    assert [(job.id, job.steps) for job in jobs] == [("job-0", 26), ("job-1", 76), ("job-2", 126)]
    # 26 and 76 steps on one core, 126 on the other.
    assert row.makespan_s == pytest.approx(126 * 0.015)
    assert found.schedule.workload_hash == given.workload.hash
    caption = str(sweep_table(found.rows).caption)
    assert "search: batch 128 for job-0, job-1, job-2" in caption
    others = [row for row in found.rows if row.policy != SEARCH]
    assert all(row.batches == {} for row in others)
    fixed = searched(replace(given, others=()))
    assert fixed.schedule.batches == {}
    assert min(row.makespan_s or 0.0 for row in fixed.rows) > row.makespan_s
    # The bound is of all sizes: that of the workload's own is longer than what was found.
    assert found.bound.bound_s == pytest.approx(row.makespan_s)
    assert lower_bound(replace(given, others=())).bound_s > row.makespan_s


@pytest.mark.parametrize("objective", ["completion", "weighted_completion", "tardiness"])
def test_any_number_of_processes_finds_the_same_batches(objective: Objective) -> None:
    found = [searched(problem(4), objective, processes) for processes in (1, 3)]
    assert found[0].rows == found[1].rows
    assert found[0].schedule == found[1].schedule
    assert found[0].schedule.batches
    assert found[0].bound.bound_s <= found[0].best_s * (1 + 1e-9)


def test_its_schedule_replays_at_its_batches(tmp_path: Path) -> None:
    given = problem()
    found = searched(given)
    again = replay(found.problem, found.schedule, step_times_for(given))
    assert again.timeline.to_csv() == found.predicted.timeline.to_csv()
    request = ExecutionRequest.of_schedule(given, found.schedule)
    assert request.problem.workload == found.problem.workload
    assert isinstance(request.by, Schedule)
    assert request.by.workload_hash == found.problem.workload.hash
    folder = RunFolder.create(tmp_path, RunInputs("run", given.workload, MACHINE, {}), print)
    assert folder.workload == given.workload
    write_json(folder.path / SCHEDULE, found.schedule)
    assert folder.workload == found.problem.workload
    assert folder.asked == given.workload
    with pytest.raises(InputError, match=r"batch of job-0: found 128; allowed: .*: 64$"):
        ExecutionRequest.of_schedule(replace(given, others=()), found.schedule)


def test_which_sizes_are_known(tmp_path: Path) -> None:
    """Those with all threads of the job's own profile, of jobs whose batch a workload decides."""
    store = Store(tmp_path, tmp_path / "none")
    queue = [make_job("a", batch=64, steps=10), make_job("b", batch=64, steps=20)]
    own = replace(profile(64, (1, 2)), identity=queue[0].identity, machine=MACHINE.name)
    for sized in (profile(128, (1, 2)), profile(256, (1,))):
        identity = with_batch(queue[0], sized.identity.batch).identity
        store.save(replace(sized, identity=identity, machine=MACHINE.name))
    program = make_command_job("train")
    known = {own.key: own, program.identity.key: own}
    found = other_sizes(make_workload(*queue, program), known, store, MACHINE)
    assert [(each.job.id, each.job.batch, each.job.steps) for each in found] == [
        ("a", 128, 5),
        ("b", 128, 10),
    ]
    assert all(each.profile.identity.batch == 128 for each in found)


def test_what_a_run_records_of_it() -> None:
    asked = Asked(evaluations=5, batch=True)
    assert asked.settings(Asked(15.0))["search"] == {
        **{"seconds": 0.0, "evaluations": 5, "objective": "makespan"},
        "batch": True,
    }
