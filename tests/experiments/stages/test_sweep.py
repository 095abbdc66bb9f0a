"""The sweep: which cuts of the machine are tried, and that the best by hand comes first."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.run_files.sweep_file import ROUGH
from experiments.stages.candidates import Trial, candidates
from experiments.stages.layouts import choose_layout
from experiments.stages.prediction import replay
from experiments.stages.sweep import SweepWish, sweep
from rmixer.errors import InputError, PolicyFailed
from rmixer.files.typed_files import write_json
from rmixer.hardware.machine import Machine
from rmixer.policies import make_policy
from rmixer.policies.rmixer.queue_policies import DySequ
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout
from rmixer.scheduling.problem import Problem, problem_of
from rmixer.scheduling.step_times import Mix
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

MACHINE = make_machine(cores=2)
JOBS = make_workload(make_job("a"), make_job("b"), make_job("c"), make_job("d"))


def profile(one_thread_us: float, two_threads_us: float) -> dict[str, object]:
    """Steps that do not slow each other down."""
    times = {1: one_thread_us, 2: two_threads_us}
    return by_key(  # type: ignore[return-value]
        make_profile(
            steps=[make_step(threads=n, mean_us=us) for n, us in times.items()],
            operators=[make_operator(us, threads=n) for n, us in times.items()],
        )
    )


def run_sweep(profiles: object, **more: object) -> object:
    step_times = OperatorLevel(profiles, MACHINE)  # type: ignore[arg-type]
    wish = SweepWish(**{k: more.pop(k) for k in ("policies", "wanted") if k in more})
    return sweep(problem_of(JOBS, MACHINE, profiles), step_times, wish, **more)  # type: ignore[arg-type]


def problem(machine: Machine = MACHINE) -> Problem:
    return problem_of(JOBS, machine, by_key(make_profile()))


def test_a_policy_with_its_own_cut_is_tried_once() -> None:
    cuts = [Cut(cpu_slots=1), Cut(cpu_slots=2)]
    tried = candidates(problem(), ("sequential", "all_at_once", "dyType"), cuts)
    assert [(c.policy, str(c.cut)) for c in tried] == [
        ("sequential", "CPU 1 × 1"),
        ("all_at_once", "CPU 4 × 1"),
        ("dyType", "CPU 1 × 1"),
        ("dyType", "CPU 2 × 1"),
    ]


def test_device_rules_are_tried_once_where_there_is_one_device() -> None:
    """The settings stay: they still matter."""
    names = ("dyRand@dySequ:seed=7", "dyRand@dyWork:seed=7", "dyRand@dyWork")
    tried = candidates(problem(), names, [Cut(cpu_slots=2)])
    assert [c.policy for c in tried] == ["dyRand:seed=7", "dyRand"]
    two_gpus = problem(make_machine(cores=2, gpus=2))
    assert [c.policy for c in candidates(two_gpus, names, [Cut(gpu_slots=1)])] == list(names)


def test_where_all_cores_were_not_profiled_one_at_a_time_has_the_most_that_were() -> None:
    """A machine with a GPU is often profiled with one host thread alone."""
    profiles = by_key(make_profile())
    one_thread = Layout((DeviceSlots("cpu:0", slots=1, threads=1),))
    inputs = problem_of(JOBS, MACHINE, profiles)
    wanted = Wanted(threads=(1,))
    assert choose_layout(inputs, make_policy("sequential"), wanted) == one_thread
    found = run_sweep(profiles, policies=("sequential", "dyType"))
    assert found.sequential_schedule.settings.layout == one_thread
    assert found.sequential.summary.makespan_s == pytest.approx(4 * 100 * 0.010)


def test_two_slots_win_where_a_second_thread_gains_little() -> None:
    # 4 jobs x 100 steps: in turn with two threads 4 x 0.8 s, two by two with one thread 2 x 1 s.
    found = run_sweep(profile(10_000, 8_000))
    assert found.sequential.summary.makespan_s == pytest.approx(3.2)
    assert found.predicted.summary.makespan_s == pytest.approx(2.0)
    assert found.rows[0].speedup == pytest.approx(1.6)
    assert found.best.cut == Cut(0, 2, 0, 1)
    assert {d.slot for d in found.schedule.dispatches} == {0, 1}


def test_one_slot_wins_where_threads_gain_more_than_company() -> None:
    # Better than twice as fast with two threads: 4 x 0.4 s beats 2 x 1 s.
    found = run_sweep(profile(10_000, 4_000))
    assert found.predicted.summary.makespan_s == pytest.approx(1.6)
    assert found.best.cut == Cut(0, 1, 0, 2)


def test_the_schedule_replays_as_it_was_predicted() -> None:
    profiles = profile(10_000, 8_000)
    found = run_sweep(profiles)
    step_times = OperatorLevel(profiles, MACHINE)  # type: ignore[arg-type]
    again = replay(problem_of(JOBS, MACHINE, profiles), found.schedule, step_times)  # type: ignore[arg-type]
    assert again.timeline.to_csv() == found.predicted.timeline.to_csv()


def test_threads_that_were_not_profiled_are_refused() -> None:
    with pytest.raises(InputError, match="--cpu-threads: found 3; allowed: profiled: 1,2"):
        run_sweep(profile(10_000, 8_000), wanted=Wanted(threads=(3,)))
    with pytest.raises(InputError, match="slots x threads, on all devices together, <= 2 cores"):
        run_sweep(profile(10_000, 8_000), wanted=Wanted(slots=(2,), threads=(2,)))


@pytest.mark.parametrize("timed", [False, True])
def test_any_number_of_processes_finds_the_same(timed: bool, tmp_path: Path) -> None:
    profiles = profile(10_000, 8_000)
    given = problem_of(JOBS, MACHINE, profiles)  # type: ignore[arg-type]
    written = []
    for processes in (1, 3):
        times = Uncontended(profiles) if timed else OperatorLevel(profiles, MACHINE)  # type: ignore[arg-type]
        found = sweep(given, times, processes=processes)
        assert len(found.rows) > 3
        folder = tmp_path / str(processes)
        write_json(folder / "sweep.json", found.rows)
        write_json(folder / "schedule.json", found.schedule)
        (folder / "events.csv").write_text(found.predicted.timeline.to_csv())
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]


def test_a_policy_that_fails_is_told_from_any_process(monkeypatch: pytest.MonkeyPatch) -> None:
    given = problem_of(JOBS, MACHINE, profile(10_000, 8_000))  # type: ignore[arg-type]

    def fails(self: DySequ, view: object) -> None:
        raise PolicyFailed("in pick", KeyError("a"))

    monkeypatch.setattr(DySequ, "decide", fails)
    with pytest.raises(PolicyFailed, match=r"^in pick$") as told:
        sweep(given, OperatorLevel(given.profiles, MACHINE), processes=3)
    assert isinstance(told.value.error, KeyError)


def test_every_candidate_is_heard_of_in_turn() -> None:
    heard: list[tuple[int, int]] = []
    found = run_sweep(
        profile(10_000, 8_000), progress=lambda *told: heard.append(told), processes=3
    )
    *counted, last = heard
    total = len(found.rows) + 1
    assert (counted[0], counted[-1], last) == ((0, total), (total - 1, total), (1, 1))
    assert counted == sorted(counted)


def test_an_interrupt_keeps_what_was_simulated() -> None:
    def told(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    found = run_sweep(profile(10_000, 8_000), progress=told, processes=1)
    assert found.interrupted
    simulated = [row for row in found.rows if row.makespan_s is not None]
    assert len(simulated) == 5
    assert {row.why for row in found.rows[5:]} == {"broken off"}
    assert found.predicted.summary.makespan_s == pytest.approx(simulated[0].makespan_s)


def test_without_a_simulation_there_is_nothing_to_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trial, "rough_rows", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(profile(10_000, 8_000), processes=1)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupt_keeps_the_rows_that_are_precise() -> None:
    class Interrupted(OperatorLevel):
        """At the second mix of several jobs, once."""

        mixes = 0

        def unit_s(self, mix: Mix) -> tuple[float, ...]:
            self.mixes += len(mix.members) > 1
            if self.mixes == 2:
                self.mixes += 1
                raise KeyboardInterrupt
            return super().unit_s(mix)

    profiles = profile(10_000, 8_000)
    given = problem_of(JOBS, MACHINE, profiles)  # type: ignore[arg-type]
    found = sweep(given, Interrupted(given.profiles, MACHINE), processes=1)
    assert found.interrupted
    whole = run_sweep(profiles)
    assert not whole.interrupted
    assert len(found.rows) == len(whole.rows)
    assert found.predicted.summary.makespan_s == whole.predicted.summary.makespan_s


def test_a_long_queue_is_simulated_roughly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.stages.racing.PRECISE_WORK", 0)
    found = run_sweep(profile(10_000, 8_000))
    assert {row.level for row in found.rows} == {ROUGH}
    assert found.predicted.summary.level == ROUGH
    assert found.predicted.summary.makespan_s == found.rows[0].makespan_s
    assert found.finalists
