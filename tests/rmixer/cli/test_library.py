"""``import rmixer`` in a program: the same as the commands, by functions."""

from __future__ import annotations

import doctest
import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy
import pandas
import pytest
import torch
from calling import call

import rmixer
import rmixer.library
from experiments.run_files.run_folder import RunFolder

QUEUE = {"seed": 3, "jobs": [{"model": "criteo_dlrm", "steps": 300, "count": 2}]}
ON = {"machine": "epyc-2c"}


def test_examples_in_the_docstrings() -> None:
    failed, tried = doctest.testmod(rmixer.library, optionflags=doctest.REPORT_NDIFF)
    assert (failed, tried > 8) == (0, True)


def test_importing_it_imports_nothing_else() -> None:
    heavy = (
        "torch",
        "seaborn",
        "numba",
        "numpy",
        "pydantic",
        "click",
        "rmixer.library",
        "logging",
        "typing",
    )
    code = f"import rmixer, sys; rmixer.step(); print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_library_is_light_before_it_is_called() -> None:
    heavy = ("torch", "seaborn", "numba", "numpy", "pydantic", "scipy", "pandas")
    code = f"import rmixer.library, sys; print([n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'rmixer' has no attribute 'simulat'"):
        rmixer.simulat  # noqa: B018
    assert {"profile", "run", "simulate", "step", "sweep"} <= set(dir(rmixer))


def test_simulate_is_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("queue.yaml").write_text(json.dumps({"name": "queue", **QUEUE}))
    arguments = ("--policy", "lpt", "--machine", "epyc-2c", "--slots", "2", "--set", "batch_max=64")
    said = json.loads(
        call(capsys, "simulate", "queue.yaml", *arguments, "--out", "by_command", "--json").out
    )
    settings = {"batch_max": 64}
    found = rmixer.simulate("queue.yaml", "lpt", layout={"slots": 2}, settings=settings, **ON)
    assert capsys.readouterr() == ("", "")
    assert found.makespan_s == said["makespan_s"]
    folder = found.write("by_library")
    for name in ("config.yaml", "events.csv", "summary.json", "schedule.json", "trace.json"):
        assert (folder.path / name).read_bytes() == Path("by_command", name).read_bytes(), name


def test_sweep_is_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("queue.yaml").write_text(json.dumps({"name": "queue", **QUEUE}))
    arguments = ("--policies", "lpt,mps", "--machine", "epyc-2c", "--slots", "1,2")
    out = ("--evaluations", "50", "--out", "by_command", "--json")
    rows = json.loads(call(capsys, "sweep", "queue.yaml", *arguments, *out).out)
    found = rmixer.sweep(
        Path("queue.yaml"),
        policies=["lpt", "mps"],
        layout={"slots": [1, 2]},
        search={"evaluations": 50},
        **ON,
    )
    assert [row.makespan_s for row in found.rows] == [row["makespan_s"] for row in rows]
    assert found.makespan_s >= found.bound_s > 0
    folder = found.write("by_library")
    for name in ("config.yaml", "sweep.csv", "schedule.json", "predicted/events.csv"):
        assert (folder.path / name).read_bytes() == Path("by_command", name).read_bytes(), name


def test_rows_are_a_table() -> None:
    table = pandas.DataFrame(rmixer.simulate(QUEUE, "lpt", **ON).jobs)
    assert list(table["id"]) == ["criteo_dlrm-0", "criteo_dlrm-1"]
    assert (table["end_s"] > table["start_s"]).all()


def test_what_happens_goes_to_the_logger(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, logger="rmixer")
    rmixer.simulate(QUEUE, "lpt", settings={"machine.cores": 4}, **ON)
    assert any("what if: epyc-2c+cores=4" in line for line in caplog.messages)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workload": 5}, "workload: found 5; allowed: the path of a workload"),
        ({"workload": ["criteo_dlrm"]}, "workload: found ['criteo_dlrm']"),
        ({"workload": "balanc_24"}, "did you mean 'balance_24'"),
        ({"workload": "none/queue.yaml"}, "none/queue.yaml: found no such file"),
        ({"workload": {}}, "workload: jobs: found nothing"),
        ({"workload": {"jobs": [{"model": "criteo_dlrm"}]}}, "workload: jobs.0.steps"),
        ({"machine": "epyc"}, "--machine: found 'epyc'"),
        ({"policy": "ltp"}, "did you mean 'lpt'"),
        ({"policy": None}, "--policy: found 'None'; allowed: one of"),
        ({"layout": 2}, "layout: found 2; allowed: a dict"),
        ({"settings": "steps_scale=0.1"}, "settings: found 'steps_scale=0.1'; allowed: a dict"),
        ({"workload": {"jobs": [{"model": numpy.ones(1)}]}}, "jobs.0.model: found [1.0]"),
        ({"layout": {"slot": 2}}, "layout: found 'slot'; allowed: did you mean 'slots'"),
        ({"layout": {"slots": [1, 2]}}, "--slots: found '1,2'; allowed: a whole number"),
        ({"layout": {"cpu_slots": -1}}, "--cpu-slots: found '-1'"),
        ({"settings": {"gpus": 4}}, "did you mean 'machine.gpus'"),
        ({"level": "jobs"}, "level: found 'jobs'; allowed: did you mean 'job'"),
    ],
)
def test_a_mistake_is_an_input_error(
    arguments: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"workload": QUEUE, "policy": "lpt", **ON, **arguments}
    with pytest.raises(rmixer.InputError) as error:
        rmixer.simulate(**given)
    assert message in str(error.value)
    assert not list(tmp_path.iterdir())


def test_numbers_of_numpy_and_torch_are_numbers() -> None:
    job = {"model": "criteo_dlrm", "steps": numpy.int64(300), "lr": numpy.float64(0.1)}
    queue = {"jobs": [{**job, "count": torch.tensor(2)}]}
    found = rmixer.simulate(queue, "lpt", **ON, layout={"slots": numpy.int64(2)})
    assert [job.steps for job in found.jobs] == [300, 300]
    assert sorted(job.slot for job in found.jobs) == [0, 1]


@pytest.mark.parametrize(
    "search", [-1, float("nan"), float("inf"), {"evaluations": 0}, {"second": 3}, "fast"]
)
def test_a_search_that_cannot_be(search: object) -> None:
    with pytest.raises(rmixer.InputError, match="search"):
        rmixer.sweep(QUEUE, search=search, **ON)


@pytest.mark.parametrize("settings", [{"machine.gpus": 2}, {"machine.cores": 64}])
def test_what_trains_supposes_no_machine(settings: dict[str, int]) -> None:
    for function in (rmixer.run, rmixer.profile):
        with pytest.raises(rmixer.InputError, match="only for `simulate` and `sweep`"):
            function(QUEUE, settings=settings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seconds": 0}, "seconds: found 0; allowed: a number > 0"),
        ({"seconds": float("nan")}, "seconds: found nan"),
        ({"batches": [0]}, "batches: found 0; allowed: whole numbers of 1 or more"),
        ({"batches": ["64"]}, "batches: found '64'"),
        ({"workload": ["criteo_dlmr"]}, "did you mean 'criteo_dlrm'"),
    ],
)
def test_what_cannot_be_profiled(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(rmixer.InputError) as error:
        rmixer.profile(**{"workload": ["criteo_dlrm"], **arguments})
    assert message in str(error.value)


def test_batches_of_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text("print(1)\n")
    program = {"jobs": [{"command": "python train.py", "python": sys.executable, "steps": 3}]}
    with pytest.raises(rmixer.InputError, match="--batch"):
        rmixer.profile(program, batches=[64])


@pytest.mark.thorough
def test_profile_and_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = {"rows_max": 1000, "batch_max": 32, "steps_scale": 0.1}
    profiles = rmixer.profile(QUEUE, settings=small, threads=1, seconds=0.5)
    assert profiles[0] is profiles[1]
    assert profiles[0].identity.batch == 32
    assert profiles[0].step("cpu", 1).mean_us > 0
    run = rmixer.run(QUEUE, settings=small, search=0)
    assert run.failed == ()
    assert [job.state for job in run.jobs] == ["done", "done"]
    assert run.makespan_s > 0
    assert run.comparison.makespan.measured_s == run.makespan_s
    assert Path(run.folder) == run.folder.path == Path("runs/workload")
    assert RunFolder.open(Path("runs/workload")).is_done("sweep")
    again = rmixer.run(QUEUE, settings=small, search=0)
    assert again.summary == run.summary
    assert capsys.readouterr() == ("", "")
