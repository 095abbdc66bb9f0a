"""The search of a sweep: over layouts, the same for any number of processes, no worse than any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.run_files.sweep_file import SweepRow, ranked, read_rows
from experiments.stages.prediction import replay
from experiments.stages.search_starts import next_to, search_cuts
from experiments.stages.search_wish import SEARCH, Asked, SearchProgress, SearchWish
from experiments.stages.sweep import Sweep, SweepWish, sweep
from rmixer.files.typed_files import write_json
from rmixer.scheduling.layout import Cut
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.scheduling.wanted_slots import Wanted
from rmixer.testing.made_up import (
    by_key,
    make_job,
    make_machine,
    make_operator,
    make_profile,
    make_step,
    make_workload,
)
from sim import OperatorLevel, Uncontended
from sim.planning.lower_bound import LowerBound

MACHINE = make_machine(cores=4)
STEPS = (5, 300, 40, 220, 130, 90, 10, 170)


def problem(timed: bool = False) -> Problem:
    """Jobs of unlike length, whose second thread gains half of a core."""
    steps = [make_step(mean_us=10_000), make_step(threads=2, mean_us=7_000)]
    profile = make_profile(steps=steps, operators=[make_operator(9_000, threads=n) for n in (1, 2)])
    profile = replace(profile, origin="table") if timed else profile
    queue = [make_job(f"job-{i}", steps=count) for i, count in enumerate(STEPS)]
    return problem_of(make_workload(*queue), MACHINE, by_key(profile))


def searched(wish: SearchWish, given: Problem | None = None, **more: object) -> Sweep:
    given = given or problem()
    timed = given.jobs[0].profile.origin == "table"
    times = Uncontended(given.profiles) if timed else OperatorLevel(given.profiles, MACHINE)
    return sweep(given, times, SweepWish(search=wish, **more), processes=1)  # type: ignore[arg-type]


def row_of(found: Sweep) -> SweepRow:
    (row,) = (row for row in found.rows if row.policy == SEARCH)
    return row


@pytest.mark.parametrize("timed", [False, True])
def test_any_number_of_processes_finds_the_same(timed: bool) -> None:
    given = problem(timed)
    found = [searched(SearchWish(evaluations=3000, processes=count), given) for count in (1, 3)]
    assert found[0].rows == found[1].rows
    assert found[0].schedule == found[1].schedule
    assert found[0].searched is not None
    assert 3000 <= found[0].searched.evaluations < 3300


def test_it_is_no_worse_than_any_policy_and_no_better_than_the_bound() -> None:
    given = problem()
    found = searched(SearchWish(evaluations=4000), given, policies=("dySequ", "dyRand"))
    row = row_of(found)
    assert row.makespan_s is not None
    precise = [r.makespan_s for r in found.rows if r.makespan_s is not None and r.level == "job"]
    assert row.makespan_s == min(precise)
    assert row.makespan_s >= found.bound.bound_s
    # 9.65 s of work of one thread on four cores.
    assert row.makespan_s == pytest.approx(3.0)
    for each in found.rows:
        assert each.bound_s == found.bound.bound_s
        assert each.gap == pytest.approx((each.makespan_s or 0.0) / found.bound.bound_s - 1)


def test_its_schedule_replays_as_it_was_predicted() -> None:
    given = problem()
    found = searched(SearchWish(evaluations=500), given, policies=("sequential",))
    assert found.best.policy == SEARCH
    assert found.schedule.policy == SEARCH
    again = replay(given, found.schedule, OperatorLevel(given.profiles, MACHINE))
    assert again.timeline.to_csv() == found.predicted.timeline.to_csv()


def test_it_keeps_to_the_slots_that_are_wanted() -> None:
    wanted = Wanted(cpu_slots=(2,), cpu_threads=(1,))
    found = searched(SearchWish(evaluations=2000), policies=("dySequ",), wanted=wanted)
    row = row_of(found)
    assert (row.cpu_slots, row.cpu_threads) == (2, 1)
    assert found.bound.bound_s == pytest.approx(sum(STEPS) * 0.01 / 2)
    assert (row.held_by, row.gap) == ("slots", pytest.approx(0.0, abs=0.02))


def test_what_a_policy_does_better_is_its_answer() -> None:
    """A search of one evaluation has nothing but policies to start from."""
    found = searched(SearchWish(evaluations=1))
    precise = [r.makespan_s for r in found.rows if r.makespan_s is not None and r.level == "job"]
    assert row_of(found).makespan_s == min(precise)


def test_an_interrupt_ends_it_with_the_best_so_far() -> None:
    heard: list[SearchProgress] = []

    def told(progress: SearchProgress) -> None:
        heard.append(progress)
        if len(heard) == 3:
            raise KeyboardInterrupt

    found = searched(SearchWish(seconds=1000.0, told=told))
    assert found.searched is not None
    assert found.searched.interrupted
    assert row_of(found).makespan_s is not None
    assert [each.evaluations for each in heard] == sorted(each.evaluations for each in heard)
    assert heard[-1].best_s <= heard[0].best_s
    assert heard[-1].gap == pytest.approx(heard[-1].best_s / found.bound.bound_s - 1)


def test_it_ends_after_its_seconds_or_when_it_finds_nothing() -> None:
    found = searched(SearchWish(seconds=0.5))
    assert found.searched is not None
    assert found.searched.elapsed_s < 30
    assert not found.searched.interrupted
    one = problem_of(make_workload(make_job()), MACHINE, by_key(make_profile()))
    endless = searched(SearchWish(seconds=1000.0), one)
    assert row_of(endless).gap == pytest.approx(0.0, abs=1e-6)


def test_mean_completion_is_another_objective() -> None:
    short = searched(SearchWish(evaluations=3000))
    early = searched(SearchWish(evaluations=3000), objective="completion")
    (one, other) = (row_of(found).mean_completion_s or 0.0 for found in (short, early))
    assert other <= one
    assert early.rows == tuple(ranked(early.rows, "completion"))
    assert early.best.policy == early.rows[0].policy


def test_cuts_that_are_part_of_others_are_no_layout_of_their_own() -> None:
    on_both = problem_of(
        make_workload(*(make_job(f"job-{i}") for i in range(9))),
        make_machine(cores=8, gpus=2),
        by_key(make_profile(steps=[make_step("gpu"), make_step("cpu")])),
    )
    cuts = [Cut(1, 0, 1, 0), Cut(2, 0, 1, 0), Cut(1, 2, 1, 1), Cut(2, 2, 1, 1), Cut(0, 4, 0, 1)]
    assert search_cuts(on_both, cuts, Wanted()) == [
        Cut(4, 0, 1, 0),
        Cut(3, 2, 1, 1),
        Cut(0, 8, 0, 1),
    ]
    kept = search_cuts(on_both, cuts, Wanted(gpu_slots=(1, 2), cpu_slots=(0, 2, 4)))
    assert kept == [Cut(2, 2, 1, 1), Cut(0, 4, 0, 1)]


def test_layouts_next_to_the_best_are_searched_too() -> None:
    """Seven jobs for the GPU and five for the CPU, all of 1 s, on 12 cores: no layout of the sweep
    has seven and five slots, and all others take 2 s."""
    on_gpu = make_profile("ncf", steps=[make_step("gpu", gpu_us=1.0)])
    on_cpu = make_profile("criteo_dlrm", steps=[make_step("cpu")])
    jobs = [make_job(f"gpu-{i}", "ncf", steps=100) for i in range(7)]
    jobs += [make_job(f"cpu-{i}", "criteo_dlrm", steps=100) for i in range(5)]
    machine = make_machine(cores=12, gpus=1, memory_bytes=64 << 30)
    given = problem_of(make_workload(*jobs), machine, by_key(on_gpu, on_cpu))
    assert next_to(given, Cut(8, 4, 1, 1), Wanted()) == [Cut(7, 5, 1, 1), Cut(9, 3, 1, 1)]
    assert next_to(given, Cut(12, 0, 1, 0), Wanted()) == []
    assert next_to(given, Cut(8, 4, 1, 1), Wanted(cpu_slots=(4,))) == []
    wish = SweepWish(search=SearchWish(evaluations=3000))
    found = sweep(given, Uncontended(given.profiles), wish, processes=1)
    assert min(row.makespan_s or 9.9 for row in found.rows[1:]) == pytest.approx(2.0)
    assert found.rows[0].policy == SEARCH
    assert found.rows[0].makespan_s == pytest.approx(1.0)
    assert found.rows[0].cut == Cut(7, 5, 1, 1)


def test_rows_with_and_without_a_bound_are_read(tmp_path: Path) -> None:
    row = SweepRow("lpt", 0, 2, 0, 1, makespan_s=12.0)
    bound = LowerBound(10.0, {"longest job": 0.4, "host cores": 0.6}, "job-0")
    rows = [row.bounded(bound), row, SweepRow("mps", why="no GPU").bounded(bound)]
    assert rows[0].gap == pytest.approx(0.2)
    assert rows[0].held_by == "host cores"
    assert rows[2].gap is None
    write_json(tmp_path / "sweep.json", rows)
    assert read_rows(tmp_path) == rows


def test_what_a_run_records_of_its_search() -> None:
    assert Asked(15.0).settings(default=Asked(15.0)) == {}
    asked = Asked(0.0, 500, "completion")
    assert asked.any
    assert asked.settings(Asked(15.0)) == {
        "search": {"seconds": 0.0, "evaluations": 500, "objective": "completion"}
    }
    assert not Asked().any
