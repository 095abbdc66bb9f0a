"""Real, small programs profiled: not how fast they are, but that all is there, and what is said of
those that cannot be profiled."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import time
from pathlib import Path

import psutil
import pytest

from profiles.machines import limits
from profiles.measurements.rounds import Plan
from profiles.programs.command_profiler import profile_command
from rmixer.display.quantities import size
from rmixer.errors import InputError, RunFailed
from rmixer.files.home import home
from rmixer.hardware.machine import Machine
from rmixer.model_profile.profile_files import read_profile, write_profile
from rmixer.testing.made_up import make_machine
from rmixer.workload.workload import Job
from rmixer.workload.workload_file import read_workload

SLEEP_S = 0.004
NUMPY = f"""
import os, time
import numpy as np
import rmixer

print("process", os.getpid(), flush=True)
weights = np.zeros(1_000_000)  # enough to do that the system's clock of 10 ms sees it
while True:
    weights += 1
    time.sleep({SLEEP_S})
    rmixer.step()
"""
QUICK = Plan(precision=1.0, command_seconds=0.5, neighbours=False)


@pytest.fixture(scope="module")
def machine() -> Machine:
    """Made up, but for its cores: up to two of this one's."""
    cores = limits.usable_cores()[:2]
    return dataclasses.replace(make_machine(cores=len(cores)), cores=cores)


@pytest.fixture(autouse=True)
def rmixer_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs find RMixer, wherever the tests run."""
    root = str(Path(__file__).resolve().parents[3])
    monkeypatch.setenv("PYTHONPATH", root + os.pathsep + os.environ.get("PYTHONPATH", ""))


def job_of(folder: Path, program: str, more: str = "") -> Job:
    (folder / "program.py").write_text(program)
    workload = folder / "queue.yaml"
    workload.write_text(f"jobs: [{{command: python program.py, steps: 9{more}}}]")
    return read_workload(workload).jobs[0]


def test_a_program_that_says_when_its_steps_end(machine: Machine, tmp_path: Path) -> None:
    job = job_of(tmp_path, NUMPY)
    plan = Plan(precision=1.0, command_seconds=3.0)
    profile = profile_command(job, machine, (1,), plan)

    assert profile.identity == job.identity
    (step,) = profile.steps
    assert step.p10_us >= SLEEP_S * 1e6  # however fast this machine is
    assert 0 < (step.core_us or 0) < step.mean_us  # it sleeps for the rest of its step
    beside = len(machine.cores) > 1
    assert len(step.compute_slowdown) == len(step.stream_slowdown) == int(beside)
    assert profile.memory[0].peak_bytes > 10 << 20  # an interpreter with numpy
    write_profile(tmp_path / "profile", profile)
    assert read_profile(tmp_path / "profile") == profile

    log = home() / "logs" / f"{profile.key}-1-threads.log"
    word, _, pid = log.read_text().splitlines()[0].partition(" ")
    assert word == "process"
    assert not psutil.pid_exists(int(pid))


ORPHAN = """
import subprocess, sys
sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
start = f"import subprocess; print(subprocess.Popen({sleeper}, start_new_session=True).pid)"
subprocess.run([sys.executable, "-c", start], check=True)
"""


@pytest.mark.parametrize("ends", ["", "\nraise SystemExit(3)"])
def test_what_a_program_left_to_itself_ends_with_it(
    ends: str, machine: Machine, tmp_path: Path
) -> None:
    """Its parent was gone before anybody looked, and it is in a session of its own."""
    job = job_of(tmp_path, ORPHAN + ends + NUMPY)
    with pytest.raises(RunFailed) if ends else contextlib.nullcontext():
        profile_command(job, machine, (1,), QUICK)
    log = home() / "logs" / f"{job.identity.key}-1-threads.log"
    pid = int(log.read_text().split()[0])
    gone = not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert gone


def refused(job: Job, machine: Machine, **changes: float) -> str:
    plan = dataclasses.replace(QUICK, **changes)  # type: ignore[arg-type]
    with pytest.raises(RunFailed) as error:
        profile_command(job, machine, (1,), plan)
    message = str(error.value)
    assert message.startswith("profiling 'python program.py': ")
    return message


def test_a_program_that_fails(machine: Machine, tmp_path: Path) -> None:
    message = refused(job_of(tmp_path, "print('loading')\nraise OSError('no such table')"), machine)
    assert "the program ended with exit code 1 after " in message
    assert " s and 0 steps, before it was measured; the end of what it printed" in message
    assert "\nloading\n" in message
    assert message.endswith("\nOSError: no such table")


def test_a_program_that_is_done_too_early(machine: Machine, tmp_path: Path) -> None:
    ends = NUMPY.replace("while True:", "for _ in range(7):")
    message = refused(job_of(tmp_path, ends), machine)
    assert "the program ended with exit code 0 after " in message
    assert " s and 7 steps, before it was measured (let it make more steps" in message


def test_a_program_that_hangs_after_an_epoch(machine: Machine, tmp_path: Path) -> None:
    hangs = NUMPY.replace("while True:", "for _ in range(40):")
    hangs += "print('saving', flush=True)\ntime.sleep(600)\n"
    message = refused(job_of(tmp_path, hangs), machine, command_seconds=2.0)
    assert re.search(r"the program made 40 steps, then none for \d+ s \(", message)
    assert message.endswith("\nsaving")


def test_a_program_that_is_killed(machine: Machine, tmp_path: Path) -> None:
    killed = NUMPY.replace("while True:", "for _ in range(99):") + "os.kill(os.getpid(), 9)\n"
    message = refused(job_of(tmp_path, killed), machine, command_seconds=3.0)
    assert "the program was killed by SIGKILL (out of memory? it held " in message
    assert f"at most, the machine has {size(psutil.virtual_memory().total)}) after" in message


@pytest.mark.thorough
def test_a_program_that_makes_no_steps(machine: Machine, tmp_path: Path) -> None:
    waits = "import time\nprint('waiting for data', flush=True)\ntime.sleep(600)"
    begin_s = time.monotonic()
    message = refused(job_of(tmp_path, waits), machine, start_limit_s=3.0)
    assert "the program made no step (by a torch optimizer or rmixer.step())" in message
    to_do = "where no optimizer of torch steps let the program call rmixer.step() once a step"
    assert f" within 3 s: {to_do}; the end of what it printed to " in message
    assert "\nwaiting for data\n" in message
    assert time.monotonic() - begin_s < 300  # nobody waited for the program's own end


def test_a_program_with_an_optimizer_of_its_own_is_told_of_at_once(
    machine: Machine, tmp_path: Path
) -> None:
    """It makes backward passes and no step that is seen."""
    trains = (
        "import time\nimport torch\nweight = torch.ones(2, requires_grad=True)\n"
        "while True:\n    weight.sum().backward()\n    weight.data -= 0.1 * weight.grad\n"
        "    time.sleep(0.001)\n"
    )
    told: list[str] = []
    with pytest.raises(RunFailed) as error:
        profile_command(job_of(tmp_path, trains), machine, (1,), QUICK, told.append)
    assert "rmixer.step() once a step" in str(error.value)
    assert "it has made 1000 backward passes, but where no optimizer" in str(error.value)
    (line,) = [text for text in told if "no step is seen yet" in text]
    assert "backward passes, but where no optimizer of torch steps let the program call" in line


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a GPU")
def test_a_program_for_a_gpu_where_there_is_none(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        profile_command(job_of(tmp_path, NUMPY, ", gpus: 1"), machine, (1,), QUICK)
    assert (error.value.key, error.value.found) == ("gpus", 1)
