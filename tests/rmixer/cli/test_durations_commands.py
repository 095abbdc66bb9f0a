"""``--durations`` of ``simulate`` and ``sweep``: the example, and tables that are wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from calling import call, refused

from rmixer.run_record.timeline import Timeline

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "experiments" / "examples" / "durations"
TABLE, WORKLOAD = EXAMPLE / "durations.csv", EXAMPLE / "workload.yaml"
SLOTS = ("--gpu-slots", "2", "--cpu-slots", "1")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder and a home without a machine: a computer on which nothing was measured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    return tmp_path


def test_the_example_is_simulated(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--policy", "dyMix:beta=1", "--durations", TABLE, *SLOTS, "--out", "run")
    ended = call(capsys, "simulate", WORKLOAD, *given)
    assert ended.code == 0, ended.err
    assert "predicted makespan 21.00 s (durations of" in ended.out, "given, so without interval"
    assert "one is assumed: 1 GPU(s) with memory without limit, 8 cores" in ended.err
    assert [path.stem for path in (here / "run" / "figures").glob("*.png")] == ["schedule"]
    config = yaml.safe_load((here / "run" / "config.yaml").read_text())
    assert len(config["settings"]["durations"]) == 12
    rows = Timeline.read_csv(here / "run" / "events.csv").select(job="E")
    assert [(row.kind, row.start_s) for row in rows[:3]] == [
        ("queued", 0.0),
        ("build", 7.0),
        ("train", 9.0),
    ]
    assert rows[-1].end_s == 21.0
    assert "nothing that could be executed" in refused(capsys, "execute", "run/schedule.json")


def test_slots_that_are_not_said_are_eight_on_each_gpu(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--policy", "carma_ff", "--durations", TABLE, "--set", "machine.gpus=4")
    ended = call(capsys, "simulate", WORKLOAD, *given, "--out", "run")
    assert ended.code == 0, ended.err
    assert "slots × threads: GPU 8 × 1" in ended.out.splitlines()


def test_a_table_tells_no_samples(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of the six models have a batch of their own; the table's steps are none of theirs."""
    given = ("--policy", "lpt", "--durations", TABLE, "--out", "run", "--json")
    summary = json.loads(call(capsys, "simulate", WORKLOAD, *given).out)
    assert {job["samples"] for job in summary["jobs"]} == {0}
    assert summary["samples_per_s"] == 0.0


def test_the_page_shows_the_example_as_it_is(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "how-to" / "replay.md").read_text(encoding="utf-8")
    assert WORKLOAD.read_text() in page
    assert TABLE.read_text() in page
    given = (
        "--policy",
        "dyMix:beta=1",
        "--durations",
        TABLE,
        *SLOTS,
        "--json",
        "--out",
        here / "r",
    )
    jobs = json.loads(call(capsys, "simulate", WORKLOAD, *given).out)["jobs"]
    told = re.findall(r"^\| ([A-F]) \| (\S+) \| ([\d.]+) \| ([\d.]+) \|$", page, re.M)
    assert told == [
        (job["id"], job["device"], f"{job['start_s']:g}", f"{job['end_s']:g}") for job in jobs
    ]


def test_the_example_is_swept(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = here / "bare.csv"
    kept = [row.rpartition(",")[0].rpartition(",")[0] for row in TABLE.read_text().splitlines()]
    bare.write_text("\n".join(kept))
    given = ("--durations", bare, "--gpu-slots", "1,2", "--cpu-slots", "0,1", "--out", "run")
    ended = call(capsys, "sweep", WORKLOAD, *given, "--json")
    assert ended.code == 0, ended.err
    assert re.search(r"\d+ policies left out: they need job_type, utilisation", ended.err)
    rows = json.loads(ended.out)
    policies = {row["policy"].partition("@")[0] for row in rows}
    assert {"lpt", "sequential", "dyMemo"} <= policies
    assert not {"dyMix", "dyType", "horus"} & policies
    assert not (here / "run" / "ablations").exists()
    best = rows[0]
    summary = json.loads((here / "run" / "predicted" / "summary.json").read_text())
    assert summary["makespan_s"] == best["makespan_s"]
    named = ("--policies", "lpt,dyMix")
    assert "job_type, utilisation" in refused(capsys, "sweep", WORKLOAD, *given, *named)


ROW = "A,gpu,5,0,1000,0.5,low"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("A,gpu,,0,1000,0.5,low", ["line 2, duration_s", "''"]),
        ("A,gpu,0,0,1000,0.5,low", ["line 2, duration_s", "from 1e-09 to 1e+09"]),
        ("A,gpu,1e-12,0,1000,0.5,low", ["line 2, duration_s", "from 1e-09"]),
        ("A,gpu,-1,0,1000,0.5,low", ["line 2, duration_s", "'-1'"]),
        ("A,gpu,nan,0,1000,0.5,low", ["line 2, duration_s", "'nan'"]),
        ("A,gpu,inf,0,1000,0.5,low", ["line 2, duration_s", "'inf'"]),
        ("A,gpu,2e9,0,1000,0.5,low", ["line 2, duration_s", "to 1e+09"]),
        ("A,gpu,5,-2,1000,0.5,low", ["line 2, startup_s", "from 0 to"]),
        ("A,gpu,5,,1000,0.5,low", ["line 2, startup_s", "''"]),
        ("A,gpu,5,0,0,0.5,low", ["line 2, peak_bytes", ">= 1"]),
        ("A,gpu,5,0,1.5,0.5,low", ["line 2, peak_bytes", "whole number"]),
        ("A,gpu,5,0,1000,1.01,low", ["line 2, utilisation", "0 to 1"]),
        ("A,gpu,5,0,1000,-0.1,low", ["line 2, utilisation", ">= 0"]),
        ("A,gpu,5,0,1000,0.5,large", ["line 2, job_type", "compute, memory, low"]),
        ("A,gpu:0,5,0,1000,0.5,low", ["line 2, device", "one of cpu, gpu"]),
        ("A,gpu,5,0,1000,0.5", ["line 2", "6 values"]),
        (",gpu,5,0,1000,0.5,low", ["line 2, job", "a job's id"]),
        (f"{ROW}\n\n{ROW}", ["line 4, job", "'A' on gpu a second time", "line 2"]),
        (f"{ROW}\nG,gpu,5,0,1000,0.5,low", ["line 3, job", "'G'", "one of A"]),
        ("", ["line 2", "nothing"]),
    ],
)
@pytest.mark.parametrize("command", ["simulate", "sweep"])
def test_wrong_rows(
    command: str, wrong: str, told: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = "job,device,duration_s,startup_s,peak_bytes,utilisation,job_type"
    message = refuse_table(here, capsys, command, f"{header}\n{wrong}\n")
    for part in told:
        assert part in message


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", ["line 1", "an empty file"]),
        ("job,device\nA,gpu\n", ["line 1", "no column duration_s in 'job,device'"]),
        ("job;device;duration_s\nA;gpu;5\n", ["line 1", "'job;device;duration_s'"]),
        ("device,duration_s\ngpu,5\n", ["line 1", "no column job or model"]),
        ("job,device,duration_s,start_s\nA,gpu,5,1\n", ["line 1", "did you mean 'startup_s'"]),
        ("job,device,duration_s,job\nA,gpu,5,A\n", ["line 1", "'job' twice"]),
        ("job,model,device,duration_s\nA,m,gpu,5\n", ["line 2, model", "the row is of job 'A'"]),
        ("job,model,device,duration_s\n,,gpu,5\n", ["line 2, job"]),
        ("model,device,duration_s\nm,gpu,5\nn,gpu,5\n", ["line 3, model", "'n'", "one of m"]),
        ('model,device,duration_s\n"m,gpu,5\n', ["not CSV"]),
    ],
)
def test_wrong_tables(
    table: str, told: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refuse_table(here, capsys, "simulate", table)
    for part in told:
        assert part in message


def refuse_table(here: Path, capsys: pytest.CaptureFixture[str], command: str, table: str) -> str:
    """The message; checks that it names the file, and that nothing was written."""
    (here / "w.yaml").write_text("jobs: [{id: A, model: m}]")
    (here / "t.csv").write_text(table)
    policy = ("--policy", "dyMix") if command == "simulate" else ("--policies", "dyMix")
    message = refused(capsys, command, "w.yaml", *policy, "--durations", "t.csv")
    assert "t.csv: line" in message
    assert {path.name for path in here.iterdir()} == {"w.yaml", "t.csv"}
    return message


@pytest.mark.parametrize(
    ("workload", "given", "told"),
    [
        ("{id: A, model: m}, {id: B, model: k}", (), ["t.csv", "no row for job 'B' of model 'k'"]),
        ("{id: A, model: m}, {id: B, model: ncf}", (), ["t.csv", "no row for job 'B'"]),
        ("{id: A, model: m, lr: 0.1}", (), ["jobs.0.lr", "only the table"]),
        ("{id: A, model: m}", ("--policy", "dyMix"), ["line 1", "job_type, peak_bytes"]),
        ("{id: A, model: m}", ("--level", "operator"), ["--level", "no operators"]),
        ("{id: A, model: m}", ("--set", "steps_scale=0.5"), ["--set: steps_scale", "0.5"]),
        ("{id: A, model: m}", ("--set", "machine.gpu.speed=2"), ["machine.gpu.speed", "2"]),
        ("{id: A, model: m}", ("--cpu-slots", "1", "--gpu-slots", "0"), ["A", "none on cpu:0"]),
        ("{id: A, model: m}", ("--machine", "none"), ["--machine", "'none'"]),
        ("{id: A, model: m}", ("--durations", "u.csv"), ["u.csv", "no such file"]),
    ],
)
def test_what_does_not_go_with_a_table(
    workload: str,
    given: tuple[str, ...],
    told: list[str],
    here: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (here / "w.yaml").write_text(f"jobs: [{workload}]")
    (here / "t.csv").write_text("job,device,duration_s\nA,gpu,5\n")
    message = refused(
        capsys, "simulate", "w.yaml", "--policy", "lpt", "--durations", "t.csv", *given
    )
    for part in told:
        assert part in message
    assert {path.name for path in here.iterdir()} == {"w.yaml", "t.csv"}


def test_a_machine_may_be_supposed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CARMA's: each idle GPU takes a job, and is left alone for 30 s. Then two times 18 GiB, and
    2 GiB to spare, fit 40 GiB."""
    (here / "w.yaml").write_text("jobs: [{model: m, count: 6}]")
    (here / "t.csv").write_text(f"model,device,duration_s,peak_bytes\nm,gpu,100,{18 << 30}\n")
    supposed = ("--set", "machine.gpus=4", "--set", "machine.gpu.memory_gib=40")
    given = ("--policy", "carma_ff:extra_mib=2048", "--durations", "t.csv", "--gpu-slots", "8")
    ended = call(capsys, "simulate", "w.yaml", *given, *supposed, "--json")
    assert ended.code == 0, ended.err
    assert "4 GPU(s) with memory of 40.0 GiB, 33 cores" in ended.err
    starts = [(job["device"], job["start_s"]) for job in json.loads(ended.out)["jobs"]]
    alone = [(f"gpu:{place}", 0.0) for place in range(4)]
    assert starts == [*alone, ("gpu:0", 30.0), ("gpu:1", 30.0)]
