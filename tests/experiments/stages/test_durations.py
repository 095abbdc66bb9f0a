"""Jobs that last as long as a table says: runs worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from table_runs import Starts, run_table, starts_of

from rmixer.scheduling.wanted_slots import Wanted

EXAMPLE = Path(__file__).resolve().parents[3] / "experiments" / "examples" / "durations"
WORKLOAD, TABLE = EXAMPLE / "workload.yaml", EXAMPLE / "durations.csv"
SLOTS = Wanted(gpu_slots=(2,), cpu_slots=(1,))

BY_HAND: dict[str, tuple[Starts, float]] = {
    "dyMix:beta=1": (
        [
            (0.0, "C", "gpu:0"),
            (0.0, "A", "gpu:0"),
            (0.0, "F", "cpu:0"),
            (7.0, "E", "cpu:0"),
            (8.0, "D", "gpu:0"),
            (10.0, "B", "gpu:0"),
        ],
        21.0,
    ),
    "dyMix": (
        [
            (0.0, "C", "gpu:0"),
            (0.0, "A", "gpu:0"),
            (8.0, "D", "gpu:0"),
            (10.0, "B", "gpu:0"),
            (13.0, "E", "gpu:0"),
            (16.0, "F", "gpu:0"),
        ],
        20.0,
    ),
    "dySequ@dyWork": (
        [
            (0.0, "B", "gpu:0"),
            (0.0, "A", "gpu:0"),
            (0.0, "E", "cpu:0"),
            (6.0, "C", "gpu:0"),
            (10.0, "F", "gpu:0"),
            (13.0, "D", "gpu:0"),
        ],
        18.0,
    ),
}


@pytest.mark.parametrize("policy", BY_HAND)
def test_six_jobs_by_hand(policy: str) -> None:
    """Two slots of a GPU, one of the CPU; by utilisation the jobs are A B C D E F.

    ``dyMix:beta=1``: an empty GPU counts as compute, so it takes C (memory), then A, the first that
    is not memory. The CPU takes the last, F, whose place 5 is at least 6 x 2 / 3 = 4, and at 7 the
    next to last, E at place 4, for fewer than 6 - 1 x 2 = 4 jobs have ended; E holds its slot for
    2 + 12 s, until 21. At 8 C has ended and A is compute: D, 1 + 4 s. At 10 D is low: B, until 16.

    With the default beta of 4 fewer than 6 - 8 jobs would have to have ended: no CPU. At 13 D has
    ended, B is compute and E the first that is not, until 13 + 2 + 5 = 20. At 16 B has ended: F.

    ``dySequ@dyWork``: compute by memory B, A, then memory E, C, low F, D. The GPU is asked first,
    and the CPU has E until 14. At 6 B has ended: C. At 10 A: F. At 13 F: D, until 13 + 1 + 4 = 18.
    """
    starts, makespan_s = BY_HAND[policy]
    run = run_table(WORKLOAD, TABLE, policy, SLOTS)
    assert starts_of(run) == starts
    assert run.summary.makespan_s == makespan_s


def test_what_a_run_tells_of_a_table() -> None:
    run = run_table(WORKLOAD, TABLE, "dyMix:beta=1", SLOTS)
    assert (run.summary.origin, run.summary.machine) == ("table", "assumed")
    assert (run.summary.startup_s, run.summary.level) == (0.0, "job")
    rows = [(row.kind, row.start_s, row.duration_s) for row in run.timeline.select(job="D")]
    assert rows == [("queued", 0.0, 8.0), ("build", 8.0, 1.0), ("train", 9.0, 4.0)]
    assert sum(row.steps for row in run.timeline.select(job="D")) == 1.0


def test_a_gpu_is_busy_by_the_utilisation_of_its_jobs(tmp_path: Path) -> None:
    run = run_table(WORKLOAD, TABLE, "sequential", SLOTS)
    gpu, cpu = run.summary.devices
    busy_s = 10 * 0.9 + 6 * 0.8 + 8 * 0.7 + 4 * 0.5 + 5 * 0.3 + 3 * 0.2  # without their start-up
    assert gpu.busy_fraction == pytest.approx(busy_s / (10 + 6 + 8 + 5 + 7 + 3))
    assert cpu.busy_fraction is None
    bare = tmp_path / "bare.csv"
    rows = [",".join(row.split(",")[:4]) for row in TABLE.read_text().splitlines()]
    bare.write_text("\n".join(rows))
    unknown = run_table(WORKLOAD, bare, "sequential", SLOTS)
    assert [device.busy_fraction for device in unknown.summary.devices] == [None, None]


def test_steps_and_threads_change_nothing(tmp_path: Path) -> None:
    text = WORKLOAD.read_text()
    many = tmp_path / "many.yaml"
    many.write_text(text.replace("}", ", steps: 7, batch: 32}"))
    threads = Wanted(gpu_slots=(2,), cpu_slots=(1,), gpu_threads=(3,), cpu_threads=(5,))
    plain = run_table(WORKLOAD, TABLE, "dyMix:beta=1", SLOTS)
    other = run_table(many, TABLE, "dyMix:beta=1", threads)
    assert starts_of(other) == starts_of(plain)
    assert [job.end_s for job in other.summary.jobs] == [job.end_s for job in plain.summary.jobs]
    assert {job.threads for job in other.summary.jobs} == {3, 5}


def test_what_ends_at_one_time_in_decimals_ends_at_one_instant(tmp_path: Path) -> None:
    """a and b hold the first slot for 0.1 + 0.2 s, c the second for 0.3 s. As floats c would end
    first, and d take the second slot; both are free at 0.3, and it takes the first."""
    workload, table = tmp_path / "w.yaml", tmp_path / "t.csv"
    workload.write_text("jobs: [" + ", ".join(f"{{id: {job}, model: m}}" for job in "abcd") + "]")
    rows = ["job,device,duration_s,peak_bytes,job_type"]
    for job, duration_s, peak in (("a", 0.1, 9), ("b", 0.2, 7), ("c", 0.3, 8), ("d", 0.5, 6)):
        rows.append(f"{job},gpu,{duration_s},{peak},low")
    table.write_text("\n".join(rows))
    run = run_table(workload, table, "dySequ", Wanted(gpu_slots=(2,)))
    assert {booking.job: booking.slot for booking in run.bookings} == {
        "a": 0,
        "b": 0,
        "c": 1,
        "d": 0,
    }
    assert {job.id: job.start_s for job in run.summary.jobs} == {"a": 0, "b": 0.1, "c": 0, "d": 0.3}


def test_a_row_of_a_job_wins_over_that_of_its_model(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    rows = ["model,job,device,duration_s", "m,,cpu,5", ",j-1,cpu,7", ",j-2,gpu,1"]
    table.write_text("\n".join(rows))
    workload = tmp_path / "w.yaml"
    workload.write_text("jobs: [{id: j, model: m, count: 3}]")
    run = run_table(workload, table, "dyRand", Wanted(cpu_slots=(3,), gpu_slots=(1,)))
    jobs = {job.id: (job.device, job.end_s - job.start_s) for job in run.summary.jobs}
    assert jobs["j-0"] == ("cpu:0", 5.0)
    assert jobs["j-1"] == ("cpu:0", 7.0)
    assert jobs["j-2"] in (("gpu:0", 1.0), ("cpu:0", 5.0))
