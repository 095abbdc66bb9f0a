"""Completion and waiting as a reader sees them: in 80 columns, each figure in its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fake_runs import fail, job_names, packed_run
from rich.console import Console

from experiments.run_files.sweep_file import SweepRow
from experiments.tables.comparison_table import print_comparison
from experiments.tables.sweep_table import sweep_table
from experiments.tables.trained_table import print_trained
from experiments.validation.compare import compare
from experiments.validation.compared_runs import Runs
from rmixer.run_record.flow_times import flow_times
from rmixer.run_record.run_summary import RunSummary
from rmixer.testing.made_up import make_job, make_workload

BOTH = SweepRow(
    "dyMemo@dyWork",
    gpu_slots=4,
    cpu_slots=12,
    gpu_threads=1,
    cpu_threads=1,
    makespan_s=231.5,
    speedup=1.29,
    mean_completion_s=119.2,
    p95_completion_s=220.4,
    mean_waiting_s=10.24,
    p95_waiting_s=98.5,
    peak_bytes=12 << 30,
    level="job",
)
GPU = replace(BOTH, policy="lpt", cpu_slots=0, cpu_threads=0, makespan_s=81.3, speedup=3.67)
PRUNED = SweepRow("dyType", cpu_slots=2, cpu_threads=2, why="too many")


def arrived(run: RunSummary, arrival_s: float) -> RunSummary:
    """The same run, all of whose jobs came at ``arrival_s``."""
    jobs = tuple(replace(job, arrival_s=arrival_s) for job in run.jobs)
    return replace(run, jobs=jobs, **vars(flow_times(jobs)))


NAMES = job_names(6)
PREDICTED = arrived(packed_run(NAMES, 2, run="predicted")[0], -1.0)
MEASURED = arrived(packed_run(NAMES, 2, run="measured", noise=0.05, seed=1)[0], -1.25)


def printed(shown: object, width: int = 80) -> str:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def test_a_sweep_has_mean_and_p95_of_both_in_80_columns() -> None:
    text = printed(sweep_table([BOTH, GPU, PRUNED]))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    lines = [line.split() for line in text.splitlines()]
    best = next(line for line in lines if "lpt" in line)
    other = next(line for line in lines if "dyMemo@dyWork" in line)
    assert best[:6] == ["1", "lpt", "4×1", "–", "81.3", "3.67×"]
    assert " ".join(other[2:]) == "4×1 12×1 231.5 1.29× 119, 220 10.2, 98.5 12.0 GiB"
    assert "times in s" in text
    assert "level of the simulator: job" in text
    assert "1 not simulated: too many" in text


def test_a_long_sweep_is_in_minutes_and_has_only_the_devices_it_used() -> None:
    """231.5 x 60 s are 231.5 minutes."""
    long = replace(GPU, makespan_s=231.5 * 60, mean_completion_s=119.2 * 60, p95_waiting_s=None)
    text = printed(sweep_table([long]))
    row = next(line.split() for line in text.splitlines() if "lpt" in line)
    assert " ".join(row) == "1 lpt 4×1 231.5 3.67× 119, 3.67 0.17, – 12.0 GiB"
    assert "times in min" in text
    assert "CPU" not in text


def test_rows_of_an_earlier_release_have_a_mean_alone() -> None:
    old = SweepRow("dyType", 0, 2, 0, 1, 27.9, 1.48, 19.0, 1 << 30, "job")
    row = next(line.split() for line in printed(sweep_table([old])).splitlines() if "dyT" in line)
    assert " ".join(row) == "1 dyType 2×1 27.9 1.48× 19.0, – – 1.00 GiB"


def test_what_was_trained_ends_with_a_line_of_them(tmp_path: Path) -> None:
    workload = make_workload(*(make_job(job.id, job.model) for job in MEASURED.jobs))
    console = Console(width=80, no_color=True)
    with console.capture() as capture:
        print_trained(console, MEASURED, workload, tmp_path)
    mean_s = sum(job.end_s + 1.25 for job in MEASURED.jobs) / 6
    line = next(line for line in capture.get().splitlines() if line.startswith("completion"))
    assert line.startswith(f"completion {mean_s:.1f} s in the mean, p95 ")
    assert "; waiting " in line


def test_a_comparison_sets_prediction_beside_measurement() -> None:
    found = compare(Runs(PREDICTED, MEASURED))
    assert found.waiting_mean is not None
    predicted_s = sum(job.start_s + 1.0 for job in PREDICTED.jobs) / 6
    measured_s = sum(job.start_s + 1.25 for job in MEASURED.jobs) / 6
    assert abs((found.waiting_mean.predicted_s or 0.0) - predicted_s) < 1e-9
    assert abs((found.waiting_mean.measured_s or 0.0) - measured_s) < 1e-9
    error = (predicted_s - measured_s) / measured_s
    assert abs((found.waiting_mean.error or 0.0) - error) < 1e-9
    console = Console(width=80, no_color=True)
    with console.capture() as capture:
        print_comparison(console, found)
    text = " ".join(capture.get().split())
    assert f"from arrival to start mean {measured_s:.1f} s (predicted {predicted_s:.1f} s)" in text
    assert "from arrival to end mean " in text
    assert max(map(len, capture.get().splitlines())) <= 80


def test_a_comparison_of_unlike_jobs_has_no_error_and_of_old_runs_no_line() -> None:
    failed = fail(MEASURED, NAMES[0])
    failed = replace(failed, **vars(flow_times(failed.jobs)))
    found = compare(Runs(PREDICTED, failed))
    assert found.completion_mean is not None
    assert found.completion_mean.error is None
    assert found.completion_mean.measured_s is not None
    old = compare(Runs(packed_run(NAMES, 2, run="p")[0], packed_run(NAMES, 2, run="m")[0]))
    assert (old.completion_mean, old.waiting_p95) == (None, None)
