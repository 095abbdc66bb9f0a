"""Jobs of which only an imported profile is known, in a workload and in a simulation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.imported.imported_profile import ImportedProfile, save_imported
from rmixer.operators.operator_cost import OperatorCost
from rmixer.policies import make_policy
from rmixer.scheduling.admission import check_executable
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.problem import problem_of
from rmixer.testing.made_up import make_machine
from rmixer.workload.shrinking import Shrinking
from rmixer.workload.workload import Workload
from rmixer.workload.workload_file import read_workload
from sim.demand.segments import step_segments
from sim.job_level.simulate import simulate
from sim.operator_level.operator_level import OperatorLevel

MACHINE = make_machine(cores=2, gpus=1)


def row(index: int, lane: str, mean_us: float, host_us: float, t1_us: float) -> OperatorCost:
    """An operator of unknown phase and shapes."""
    return OperatorCost(
        index=index,
        phase=None,
        module="",
        operator="aten::mm",
        forward_index=-1,
        shapes="",
        flops=None,
        read_bytes=None,
        written_bytes=None,
        lane=lane,
        threads=1,
        p10_us=mean_us,
        p50_us=mean_us,
        p90_us=mean_us,
        mean_us=mean_us,
        gap_before_us=0.0,
        host_us=host_us,
        launches=int(lane == "gpu"),
        t1_us=t1_us,
        t2_us=0.0,
        t3_us=0.0,
        t4_us=host_us,
        t5_us=0.0,
        wait_us=0.0,
    )


def imported(lane: str, *rows: OperatorCost) -> ImportedProfile:
    """A step of 10 ms with the profiler; all that simulations need is said."""
    return ImportedProfile(
        name="theirs",
        trace="theirs.json",
        trace_hash="0",
        device="cpu" if lane == "cpu" else "gpu",
        hardware=None,
        driver=None,
        steps_told="ProfilerStep marks",
        steps_found=3,
        steps_used=3,
        profiled_mean_us=10_000.0,
        profiled_p10_us=10_000.0,
        profiled_p50_us=10_000.0,
        profiled_p90_us=10_000.0,
        closure={},
        other_operators=0,
        unclaimed_us=0.0,
        batch=64,
        threads=1,
        peak_bytes=1 << 20,
        step_us=8_000.0,
        job_type="compute",
        operators=rows,
    )


ON_CPU = imported("cpu", row(0, "cpu", 6_000.0, 0.0, 1_000.0), row(1, "cpu", 2_000.0, 0.0, 1_000.0))
ON_GPU = imported("gpu", row(0, "gpu", 5_000.0, 300.0, 200.0), row(1, "gpu", 1_000.0, 300.0, 200.0))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    return tmp_path


def read(folder: Path, *jobs: str) -> Workload:
    path = folder / "queue.yaml"
    path.write_text("jobs:\n" + "".join(f"  - {{{keys}}}\n" for keys in jobs))
    return read_workload(path)


def test_what_a_workload_knows_of_it(home: Path) -> None:
    save_imported(ON_CPU)
    first, second = read(home, "profile: theirs, steps: 5, count: 2, arrival_s: 3").jobs
    assert (first.id, second.id) == ("theirs-0", "theirs-1")
    assert (first.steps, first.batch, first.arrival_s) == (5, 64, 3.0)
    assert not first.in_registry
    assert not first.is_own


def test_another_import_is_another_job(home: Path) -> None:
    save_imported(ON_CPU)
    (job,) = read(home, "profile: theirs, steps: 5").jobs
    save_imported(replace(ON_CPU, threads=2))
    (other,) = read(home, "profile: theirs, steps: 5").jobs
    assert job.identity.key != other.identity.key
    Store().load([other], MACHINE)
    with pytest.raises(InputError, match="another one by now"):
        Store().load([job], MACHINE)


def test_its_makespan_is_that_of_its_step_without_the_profiler(home: Path) -> None:
    """Two jobs of 100 and 50 steps of 8 ms, one after the other."""
    save_imported(ON_CPU)
    workload = read(home, "profile: theirs, steps: 100", "profile: theirs, steps: 50")
    machine = make_machine(cores=2)
    profiles, missing = Store().load(workload.jobs, machine)
    assert not missing
    run = simulate(
        problem_of(workload, machine, profiles),
        make_policy("sequential"),
        Layout((DeviceSlots("cpu:0", slots=1, threads=1),)),
        OperatorLevel(profiles, machine),
    )
    assert [job.end_s for job in run.summary.jobs] == pytest.approx([0.8, 1.2])


def test_on_a_gpu_the_host_is_brought_to_the_time_without_the_profiler(home: Path) -> None:
    """To the GPU's 6 ms as the trace has them belong 8 ÷ 10 of the host's 1 ms."""
    save_imported(ON_GPU)
    workload = read(home, "profile: theirs, steps: 5")
    (profile,) = Store().load(workload.jobs, MACHINE)[0].values()
    step = step_segments(profile, "gpu", 1)
    assert step.solo_s == pytest.approx(0.008)
    assert step.host_s / step.gpu_s == pytest.approx(0.8 / 6.0, rel=1e-3)  # kernels lie 1 us apart
    assert profile.utilisation == {"gpu": pytest.approx(0.75)}
    assert profile.bytes is profile.flops is profile.intensity is None


def test_communication_and_unknown_phases_are_time_of_the_step(home: Path) -> None:
    """A GPU that works 5 ms of 8 in a known phase works 8 with 3 of others."""
    known = row(0, "gpu", 5_000.0, 300.0, 200.0)
    others = (
        replace(row(1, "gpu", 2_000.0, 10.0, 0.0), phase="communication"),
        row(2, "gpu", 1_000.0, 10.0, 0.0),
    )
    save_imported(imported("gpu", known, *others))
    workload = read(home, "profile: theirs, steps: 5")
    (profile,) = Store().load(workload.jobs, MACHINE)[0].values()
    assert profile.utilisation == {"gpu": pytest.approx(1.0)}
    assert [cost.phase for cost in profile.operators] == ["unknown", "communication", "unknown"]
    step = step_segments(profile, "gpu", 1)
    assert step.solo_s == pytest.approx(0.008)
    assert step.gpu_s == pytest.approx(0.008, rel=0.05)


def test_what_nobody_has_said_is_named_all_at_once(home: Path) -> None:
    save_imported(replace(ON_CPU, threads=None, peak_bytes=None, job_type=None))
    workload = read(home, "profile: theirs, steps: 5")
    with pytest.raises(InputError) as refused:
        Store().load(workload.jobs, MACHINE)
    assert "--threads ... --peak-memory ... --job-type" in str(refused.value)


def test_shrinking_leaves_its_batch(home: Path) -> None:
    """Its step is of that batch and of no other."""
    save_imported(ON_CPU)
    workload = read(home, "profile: theirs, steps: 10")
    (job,) = Shrinking(steps_scale=0.5, batch_max=8).apply(workload).jobs
    assert (job.steps, job.batch) == (5, 64)


def test_it_cannot_be_executed(home: Path) -> None:
    save_imported(ON_CPU)
    with pytest.raises(InputError, match=r"'theirs'.*nothing that could be executed"):
        check_executable(read(home, "profile: theirs, steps: 5"))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("profile: thiers, steps: 5", "jobs.0.profile: found 'thiers'"),
        ("profile: theirs, model: rm1, steps: 5", "jobs.0.model: found 'rm1'"),
        ("profile: theirs, command: 'python a.py', steps: 5", "jobs.0.command"),
        ("profile: theirs, steps: 5, batch: 8", "jobs.0.batch: found 8"),
        ("profile: theirs, steps: 5, gpus: 1", "jobs.0.gpus: found 1"),
        ("profile: theirs", "jobs.0.steps: found nothing"),
        ("profile: '../x', steps: 5", "jobs.0.profile"),
    ],
)
def test_every_way_to_get_it_wrong(home: Path, keys: str, told: str) -> None:
    save_imported(ON_CPU)
    with pytest.raises(InputError) as refused:
        read(home, keys)
    assert told in str(refused.value)
