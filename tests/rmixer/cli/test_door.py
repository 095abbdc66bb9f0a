"""What this machine cannot do is refused before anything is measured or run, by every command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from calling import call, refused

from profiles.machines import limits
from profiles.stored import store as profile_store
from profiles.stored.store import Store
from rmixer.errors import InputError
from rmixer.files.home import home
from rmixer.files.typed_files import write_json
from rmixer.policies import make_policy
from rmixer.scheduling.layout import even_layout
from rmixer.scheduling.schedule import schedule_of
from rmixer.testing.made_up import make_machine, make_operator, make_profile, make_step
from rmixer.workload.workload_file import read_workload

HERE = ("run", "run --plan", "profile run", "execute policy", "execute schedule")
"""What trains, or is to train, on this machine."""
OF_THIS_MACHINE = (*HERE, "simulate", "sweep")


@pytest.fixture(autouse=True)
def nothing_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is not known yet, and whoever measures it fails the test."""

    def measured(*_: object, **__: object) -> None:
        raise AssertionError("the machine was measured")

    monkeypatch.setenv("RMIXER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(profile_store, "measure_machine", measured)
    monkeypatch.setattr("rmixer.training.precision.cpu_has_bf16", lambda: False)
    monkeypatch.chdir(tmp_path)


def queue(jobs: str) -> Path:
    """A workload file with these jobs, a good one before them."""
    path = Path("queue.yaml")
    path.write_text(f"jobs:\n  - {{model: ncf, steps: 9, id: good}}\n{jobs}")
    return path


def arguments(command: str, workload: Path) -> tuple[Any, ...]:
    if command == "profile run":
        return ("profile", "run", "--workload", workload)
    if command == "execute policy":
        return ("execute", workload, "--policy", "dySequ")
    if command == "execute schedule":
        jobs, machine = read_workload(workload), make_machine()
        policy, layout = make_policy("sequential"), even_layout(machine, 1, 1)
        schedule = schedule_of(jobs, machine, policy, layout, ())
        write_json(Path("schedule.json"), schedule)
        return ("execute", "schedule.json", "--workload", workload)
    if command == "simulate":
        return ("simulate", workload, "--policy", "dySequ")
    return (*command.split(), workload)


@pytest.mark.parametrize("command", OF_THIS_MACHINE)
def test_an_arithmetic_that_the_cpu_does_not_have(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workload = queue(
        "  - {model: ncf, steps: 9, id: half, precision: bf16}\n"
        "  - {model: rm3, steps: 9, id: other, precision: bf16}\n"
    )
    assert refused(capsys, *arguments(command, workload)) == (
        "error: jobs half, other: precision: found 'bf16'; allowed: fp32: the CPU of this machine "
        "has no bfloat16 arithmetic\n"
    )


def test_the_memory_of_such_a_job_is_not_predicted(capsys: pytest.CaptureFixture[str]) -> None:
    workload = queue("  - {model: ncf, steps: 9, id: half, precision: bf16}\n")
    ended = call(capsys, "profile", "memory", "--workload", workload)
    assert (ended.code, ended.out) == (2, "")
    assert "job half: precision: found 'bf16'" in ended.err


def test_a_machine_that_has_it_is_simulated_here(capsys: pytest.CaptureFixture[str]) -> None:
    """Its profiles are all that this needs."""
    workload = Path("queue.yaml")
    workload.write_text("jobs: [{model: ncf, steps: 9, precision: bf16}]")
    machine, (job,) = make_machine(), read_workload(workload).jobs
    made = make_profile(job.model, [make_step()], [make_operator(9e3)], job.batch)
    Store().save_machine(machine)
    Store().save(replace(made, identity=job.identity))
    ended = call(capsys, *arguments("simulate", workload), "--machine", machine.name)
    assert ended.code == 0, ended.err
    assert "job ncf-0: precision" in refused(capsys, *arguments("simulate", workload))


@pytest.mark.parametrize("command", HERE)
def test_all_that_is_wrong_is_told_at_once(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And raw files that cannot be read are as good as none."""
    Path("empty").mkdir()
    secret = Path("train.txt").resolve()
    secret.write_text("nobody may read this")
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "train.txt")
    workload = queue(
        "  - {model: criteo_dlrm, steps: 9, count: 7, data: empty}\n"
        "  - {model: criteo_dcn2, steps: 9, data: train.txt}\n"
        "  - {model: rm2, steps: 9, batch: 5000}\n"
        "  - {model: criteo_dlrm, steps: 9, batch: 200001, id: large}\n"
    )
    first, *others = refused(capsys, *arguments(command, workload)).splitlines()
    assert first.startswith("error: jobs criteo_dlrm-0, ")
    assert "criteo_dlrm-4 and 2 more: data: found no file train.txt" in first
    assert str(Path("empty").resolve()) in first
    assert [line.partition("; allowed: ")[0] for line in others] == [
        f"job criteo_dcn2-0: data: found a file that cannot be read ({secret})",
        "job rm2-0: batch: found 5000",
        "job large: batch: found 200001",
    ]
    assert others[1].endswith("at most the 4272 samples of deeprecsys_rm2 to train on")
    assert others[2].endswith("at most the 200000 samples of criteo_kaggle to train on")
    assert not (home() / "data").exists()


@pytest.mark.parametrize("command", ["simulate", "sweep"])
def test_more_samples_than_there_are_are_not_predicted(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workload = queue("  - {model: ncf, steps: 9, batch: 1000000, id: large}\n")
    message = refused(capsys, *arguments(command, workload), "--machine", "epyc-2c")
    assert message.endswith("at most the 131250 samples of deeprecsys_ncf to train on\n")


def test_a_program_that_wants_a_gpu(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "usable_gpus", lambda: 0)
    Path("train.py").write_text("import rmixer\n")
    workload = queue("  - {command: python train.py, steps: 9, gpus: 1, id: mine}\n")
    message = refused(capsys, *arguments("profile run", workload))
    assert message == ("error: job mine: gpus: found 1; allowed: 0: there is no NVIDIA GPU here\n")
    for command in ("simulate", "sweep"):
        assert message == refused(capsys, *arguments(command, workload))


@pytest.mark.parametrize("command", ["run", "run --plan"])
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--gpus", "0,7"), "--gpus: found 7; allowed: none, or some of 0-1"),
        (("--cores", "9999"), "--cores: found 9999; allowed: some of "),
        (("--leave-free", "9999GiB"), "--leave-free: found 9.76 TiB; allowed: less than "),
    ],
)
def test_what_an_unmeasured_machine_has_not_is_told_before_it_is_measured(
    command: str,
    asked: tuple[str, str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "usable_gpus", lambda: 2)
    workload = queue("  - {model: ncf, steps: 9}\n")
    assert said in refused(capsys, *arguments(command, workload), *asked)


@pytest.mark.parametrize("command", ["run --plan", "profile run"])
def test_modules_that_do_not_import(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where they are to be profiled; of those that are, it is known that they do."""
    Path("lost_net.py").write_text("import torch\nimport no_such_library\ndef build(job): ...\n")
    Path("gone_net.py").write_text("import os\nos._exit(3)\ndef build(job): ...\n")
    Path("hides_net.py").write_text("if False:\n    build = 1\n")
    names = ("lost", "gone", "hides")
    workload = queue("".join(f"  - {{model: '{n}_net:build', steps: 9}}\n" for n in names))
    lost, gone, hides = refused(capsys, *arguments(command, workload)).splitlines()
    where = Path("lost_net.py").resolve()
    assert lost.startswith(
        "error: job lost_net-0: model: found 'lost_net:build', which fails: "
        f"ModuleNotFoundError: No module named 'no_such_library' ({where}, line 2); allowed: "
    )
    assert "job gone_net-0: model: found 'gone_net:build', which fails: worker" in gone
    assert "ended with exit code 3" in gone
    assert "job hides_net-0: model:" in hides
    assert "has no function 'build'" in hides


@pytest.mark.parametrize(
    "command", ["run", "execute policy", "execute schedule", "simulate", "sweep"]
)
def test_a_folder_that_cannot_be_written(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    workload = queue("")
    message = refused(capsys, *arguments(command, workload), "--out", workload / "below")
    assert "--out" in message
    assert "cannot be written" in message


def test_more_threads_than_cores(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "usable_cores", lambda: (0, 1))
    message = refused(capsys, "profile", "run", "ncf", "--threads", "1,3")
    assert message == "error: --threads: found '1,3'; allowed: whole numbers from 1 to 2\n"


def test_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity")
    with pytest.raises(InputError, match=r"this system: found .*; allowed: Linux"):
        limits.usable_cores()
