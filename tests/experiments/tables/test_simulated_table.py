"""The jobs of a simulation, and how much their company slows them."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from experiments.tables.simulated_table import simulated_jobs, simulated_table
from rmixer.run_record.run_summary import never_started
from rmixer.scheduling.problem import ProfiledJob
from rmixer.testing.made_up import make_profile, make_step
from rmixer.workload.workload import job_of


def test_slower_in_company_is_against_the_step_alone() -> None:
    """Alone 10 ms with two threads; in company 12.5 ms: 1.25 times."""
    profile = make_profile("criteo_dlrm", [make_step(threads=2, mean_us=10_000.0)], ())
    jobs, profiled = [], {}
    for name, start_s, step_ms in (("late", 3.0, 12.5), ("soon", 1.0, 10.0), ("none", 2.0, None)):
        job = replace(job_of("criteo_dlrm"), id=name)
        profiled[name] = ProfiledJob(job, job.identity.key, profile)
        at = {"device": "cpu:0", "slot": 1, "threads": 2, "start_s": start_s, "end_s": 9.0}
        done = never_started(name, "criteo_dlrm", "queued")
        jobs.append(replace(done, **at, step_ms_mean=step_ms, state="done"))
    rows = simulated_jobs(jobs, profiled)
    assert [(row.summary.id, row.slowdown) for row in rows] == [
        ("soon", 1.0),
        ("none", None),
        ("late", 1.25),
    ]
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(simulated_table(rows, most=2))
    text = capture.get()
    assert "soon cpu:0 1 2 1.00 9.00 10.0 ms 1.00×" in " ".join(text.split())
    assert "none cpu:0 1 2 2.00 9.00 – –" in " ".join(text.split())
    assert "1 more in summary.json" in text
    assert "late" not in text
