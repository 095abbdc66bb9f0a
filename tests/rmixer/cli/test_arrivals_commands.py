"""A workload whose jobs arrive over time, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import call, refused

from profiles.stored.store import Store
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from rmixer.workload.workload_file import read_workload

EXAMPLE = Path(__file__).parents[3] / "experiments" / "workloads" / "arrivals_12.yaml"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home with a made-up machine and a model whose step takes 10 ms on it."""
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    Store().save_machine(make_machine())
    steps = [make_step(threads=threads) for threads in (1, 2)]
    operators = [make_operator(10_000.0, threads=threads) for threads in (1, 2)]
    Store().save(make_profile("criteo_dlrm", steps, operators))


@pytest.mark.usefixtures("home")
def test_a_trace_is_simulated_and_says_completion_and_waiting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Jobs of 3 s, one at a time: the first from 10 to 13, the second, which came at 11, from 13 to
    16. Completion 3 and 5, waiting 0 and 2; p95 of two is 95% of the way to the larger."""
    (tmp_path / "trace.csv").write_text(
        "arrival_s,model,steps\n10,criteo_dlrm,300\n11,criteo_dlrm,300\n"
    )
    (tmp_path / "queue.yaml").write_text("arrivals: {kind: trace, file: trace.csv}\n")
    ended = call(
        capsys,
        *("simulate", tmp_path / "queue.yaml", "--policy", "sequential"),
        *("--machine", "made-up", "--out", tmp_path / "out"),
    )
    assert ended.code == 0, ended.err
    line = "completion 4.00 s in the mean, p95 4.90 s; waiting 1.00 s in the mean, p95 1.90 s"
    assert line in ended.out.splitlines()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["makespan_s"] == pytest.approx(6.0)
    assert summary["completion_p95_s"] == pytest.approx(4.9)
    assert [job["arrival_s"] for job in summary["jobs"]] == pytest.approx([0.0, 1.0])


@pytest.mark.usefixtures("home")
def test_a_sweep_keeps_the_four_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same two jobs on two slots of one thread: nobody waits."""
    jobs = "".join(f"  - {{model: criteo_dlrm, steps: 300, arrival_s: {s}}}\n" for s in (10, 11))
    (tmp_path / "queue.yaml").write_text(f"jobs:\n{jobs}")
    ended = call(
        capsys,
        *("sweep", tmp_path / "queue.yaml", "--policies", "dySequ,sequential", "--json"),
        *("--machine", "made-up", "--out", tmp_path / "out"),
    )
    assert ended.code == 0, ended.err
    rows = {(row["policy"], row["cpu_slots"]): row for row in json.loads(ended.out)}
    names = ("mean_completion_s", "p95_completion_s", "mean_waiting_s", "p95_waiting_s")
    assert [rows["dySequ", 2][name] for name in names] == pytest.approx([3, 3, 0, 0], abs=1e-6)
    alone = [rows["sequential", 1][name] for name in names]
    assert alone == pytest.approx([4.0, 4.9, 1.0, 1.9], abs=1e-6)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("arrivals", "told"),
    [
        ("{kind: poisson}", "queue.yaml: line 1: arrivals.rate_per_h: found nothing"),
        ("{kind: trace, file: trace.csv}", "trace.csv: line 3, steps: found 'x'"),
        ("{kind: burst, rate_per_h: 5, burst: 2}", "queue.yaml: line 2: jobs.0.arrival_s: found 1"),
    ],
)
def test_what_is_wrong_is_one_message_and_nothing_is_written(
    arrivals: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "trace.csv").write_text("arrival_s,model,steps\n0,criteo_dlrm,5\n1,criteo_dlrm,x\n")
    path = tmp_path / "queue.yaml"
    path.write_text(
        f"arrivals: {arrivals}\njobs: [{{model: criteo_dlrm, steps: 5, arrival_s: 1}}]\n"
    )
    out = tmp_path / "out"
    message = refused(capsys, "sweep", path, "--machine", "made-up", "--out", out)
    assert told in message
    assert message.count("\n") == 1
    assert not out.exists()


def test_the_example_is_twelve_jobs_at_300_an_hour() -> None:
    jobs = read_workload(EXAMPLE).jobs
    assert len(jobs) == 12
    assert len({job.arrival_s for job in jobs}) == 12
    assert jobs[-1].arrival_s == pytest.approx(12 * 12, rel=0.5)
