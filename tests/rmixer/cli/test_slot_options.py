"""``--slots``, ``--gpu-slots`` and their like: what is done, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import call, refused

from profiles.stored.store import Store
from rmixer.scheduling.schedule import read_schedule
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from rmixer.workload.workload_file import read_workload


@pytest.fixture
def workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two jobs, profiled on the CPU and the GPU of a made-up machine of four cores, and on the CPU
    of one without a GPU."""
    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "queue.yaml"
    path.write_text("jobs:\n  - {model: criteo_dlrm, steps: 10, count: 2}\n")
    job = read_workload(path).jobs[0]
    for name, gpus in (("with-gpu", 1), ("without", 0)):
        Store().save_machine(make_machine(cores=4, gpus=gpus, name=name))
        steps = [make_step(), make_step("gpu", mean_us=2000.0)] if gpus else [make_step()]
        operators = [make_operator(10_000.0), make_operator(2000.0, lane="gpu")][: len(steps)]
        Store().save(make_profile(job.model, steps, operators, job.batch, machine=name))
    return path


def simulated(workload: Path, machine: str, *options: object) -> tuple[object, ...]:
    given = ("--policy", "dyMix", "--machine", machine, "--level", "job", "--out", "out")
    return ("simulate", workload, *given, *options)


def test_gpu_and_cpu_slots_together(workload: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--gpu-slots", 2, "--cpu-slots", 1)
    assert call(capsys, *simulated(workload, "with-gpu", *options)).code == 0
    layout = read_schedule(Path("out/schedule.json")).settings.layout
    assert [(each.device, each.slots) for each in layout.devices] == [("gpu:0", 2), ("cpu:0", 1)]


def test_a_sweep_of_lists_ranks_every_pair(
    workload: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--gpu-slots", "0,1,2", "--cpu-slots", "0,3", "--machine", "with-gpu", "--json")
    ended = call(capsys, "sweep", workload, "--policies", "dyMix:beta=2,lpt", *options)
    assert ended.code == 0
    rows = json.loads(ended.out)
    cuts = {(row["policy"], row["gpu_slots"], row["cpu_slots"]) for row in rows}
    pairs = [(0, 3), (1, 0), (1, 3), (2, 0)]
    assert cuts == {(name, *pair) for name in ("dyMix:beta=2", "lpt") for pair in pairs}


@pytest.mark.parametrize(
    ("machine", "options", "message"),
    [
        ("with-gpu", ("--gpu-slots", 0, "--cpu-slots", 0), "no slots: 0 a GPU, 0 on the CPU"),
        ("with-gpu", ("--gpu-slots", 3, "--cpu-slots", 2), "at most the 4 usable cores"),
        ("with-gpu", ("--slots", 2, "--gpu-slots", 2), "one of --slots and --gpu-slots"),
        ("with-gpu", ("--gpu-threads", 2), "error: --gpu-threads: found 2; allowed: profiled: 1"),
        ("without", ("--gpu-slots", 1), "error: --gpu-slots: found 1; allowed: 0: without has no"),
        ("without", ("--gpu-threads", 1), "error: --gpu-threads: found 1; allowed: nothing"),
        ("without", ("--cpu-slots", 5), "at most the 4 usable cores"),
        ("without", ("--slots", 0), "error: --slots: found '0'; allowed: a whole number from 1"),
        ("without", ("--cpu-slots", -1), "error: --cpu-slots: found '-1'; allowed: a whole number"),
        ("without", ("--cpu-slots", "1,2"), "error: --cpu-slots: found '1,2'; allowed: a whole"),
        ("without", ("--cpu-threads", 1.5), "error: --cpu-threads: found '1.5'; allowed: a whole"),
    ],
)
def test_slots_that_a_simulation_cannot_have(
    workload: Path,
    capsys: pytest.CaptureFixture[str],
    machine: str,
    options: tuple[object, ...],
    message: str,
) -> None:
    assert message in refused(capsys, *simulated(workload, machine, *options))
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--gpu-slots", 0, "--cpu-slots", 0), "found 0 slots a GPU and 0 on the CPU"),
        (("--gpu-slots", "8,16"), "all devices together, <= 4 cores, and at least one slot"),
        (("--gpu-slots", "1,16"), "--gpu-slots: found 16; allowed: slots x threads, on all"),
        (("--slots", "1,2", "--gpu-slots", 1), "--slots: found 1,2; allowed: one of --slots and"),
        (("--cpu-threads", "1,7"), "--cpu-threads: found 7; allowed: profiled: 1"),
        (("--cpu-slots", "1,x"), "--cpu-slots: found '1,x'; allowed: whole numbers"),
        (("--policies", "dyMix:beta=-2"), "beta: found '-2'; allowed: a number, 0 or more"),
        (("--policies", "lpt,dyMix@dyWork"), "'dyMix' alone: it takes no device rule"),
    ],
)
def test_slots_and_names_that_a_sweep_cannot_have(
    workload: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[object, ...],
    message: str,
) -> None:
    said = ("sweep", workload, "--machine", "with-gpu", "--out", "out", *options)
    assert message in refused(capsys, *said)
    assert not Path("out").exists()
