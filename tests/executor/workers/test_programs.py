"""Real programs as workers: what is heard of them, how they end, and that nothing is left."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from executed_workloads import this_machine
from program_jobs import STEPS, command, processes_of, program

from executor.workers import program as one_program
from executor.workers.memory_guard import MemoryGuard
from executor.workers.programs import Programs
from executor.workers.workers import (
    Event,
    JobEnded,
    JobFailed,
    PhaseBegan,
    Resumed,
    StepsMade,
    TrainingOrder,
)
from rmixer.display.quantities import size
from rmixer.errors import RunFailed, WorkerLost, WorkerSilent
from rmixer.training.job_files import JobFiles
from rmixer.training.task_failure import OutOfMemory, cause_of
from rmixer.workload.workload import Job

PLACE = ("cpu:0", 0)
PATIENCE_S = 60.0
SLEEPS = "import rmixer, time\nrmixer.step()\ntime.sleep(600)\n"


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    started = Programs(tmp_path / "run", MemoryGuard())
    yield started
    started.close(0.0)
    assert not processes_of(tmp_path)


def order(job: Job, folder: Path, steps_made: int = 0) -> TrainingOrder:
    cores = this_machine().cores[:1]
    return TrainingOrder(
        PLACE, job, cores, JobFiles(str(folder / "weights")), steps_made=steps_made
    )


def heard(
    programs: Programs, until: Callable[[list[Event]], bool] = lambda events: False
) -> list[Event]:
    """All events until the end of the job, or before."""
    events: list[Event] = []
    end_s = time.monotonic() + PATIENCE_S
    while not (until(events) or any(isinstance(each, JobEnded | JobFailed) for each in events)):
        assert time.monotonic() < end_s
        programs.wait(0.1)
        events += programs.events()
    return events


def ran(programs: Programs, job: Job, folder: Path, steps_made: int = 0) -> list[Event]:
    programs.start(order(job, folder, steps_made))
    return heard(programs)


def test_a_guard_that_somebody_has_killed_is_replaced_by_one_that_knows_all(
    programs: Programs, tmp_path: Path
) -> None:
    first = order(program(tmp_path, "first", SLEEPS, steps=9), tmp_path)
    programs.start(first)
    guard = programs._guard
    assert guard is not None
    guard.kill()
    guard.wait()
    second = order(program(tmp_path, "second", SLEEPS, steps=9), tmp_path)
    programs.start(replace(second, place=("cpu:0", 1)))
    heard(programs, lambda events: len(steps_of(events)) == 2)  # both are under way
    guard = programs._guard
    assert guard is not None
    programs._guard = None
    guard.communicate()  # as if this process were no more
    events: list[Event] = []
    while len(failed := [each for each in events if isinstance(each, JobFailed)]) < 2:
        programs.wait(1.0)
        events += programs.events()
    assert {each.place for each in failed} == {("cpu:0", 0), ("cpu:0", 1)}
    assert all("SIGKILL" in str(each.failure) for each in failed)


def test_one_that_a_full_disk_lets_not_start_may_succeed_later(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("executor.workers.programs.Program", full)
    (event,) = ran(programs, program(tmp_path, "good", STEPS, "5", steps=5), tmp_path)
    assert isinstance(event, JobFailed)
    assert cause_of(event.failure) == "disk"
    assert event.failure.reason.startswith("the program could not be started: [Errno 28]")


def steps_of(events: list[Event]) -> list[float]:
    return [end_s for each in events if isinstance(each, StepsMade) for end_s in each.ends_s]


def failure(programs: Programs, text: str, folder: Path) -> RunFailed:
    *_, last = ran(programs, program(folder, "fails", text), folder)
    assert isinstance(last, JobFailed)
    return last.failure


def test_phases_steps_and_output_of_one_that_does_well(programs: Programs, tmp_path: Path) -> None:
    begin_s = time.perf_counter()
    events = ran(programs, program(tmp_path, "good", STEPS, "50", steps=50), tmp_path)
    phases = [(each.phase, each.at_s) for each in events if isinstance(each, PhaseBegan)]
    ends_s, last = steps_of(events), events[-1]
    assert [name for name, _ in phases] == ["build", "warmup", "train"]
    assert len(ends_s) == 50
    build_s, warmup_s, train_s = (at_s for _, at_s in phases)
    assert begin_s <= build_s <= warmup_s < ends_s[0] < ends_s[2] == train_s < ends_s[-1]
    assert ends_s[0] - warmup_s == pytest.approx(ends_s[1] - ends_s[0])
    assert last.at_s == pytest.approx(ends_s[-1], abs=2.0)
    assert isinstance(last, JobEnded)
    assert set(last.answer) <= {"interrupted", "peak_bytes"}
    assert not last.answer["interrupted"]
    printed = (tmp_path / "run" / "logs" / "good.log").read_text().splitlines()
    assert printed == [f"step {step}" for step in range(50)]


NO_STEP = (
    "it ended without a step (by a torch optimizer or rmixer.step()): let it call "
    "rmixer.step() once a step"
)


@pytest.mark.parametrize(
    ("said", "steps_from", "made", "remark"),
    [
        (9, "said", 5, "it ended after 5 steps, its workload says 9"),
        (9, "learned", 5, "it ended after 5 steps, it made before 9"),
        (1000, "supposed", 5, "it made 5 steps; later runs know this number"),
        (9, "said", 0, NO_STEP),
    ],
)
def test_steps_other_than_was_said_are_remarked(
    said: int, steps_from: str, made: int, remark: str, programs: Programs, tmp_path: Path
) -> None:
    job = program(tmp_path, "other", STEPS, str(made), steps=said, steps_from=steps_from)
    *_, last = ran(programs, job, tmp_path)
    assert isinstance(last, JobEnded)
    assert (last.answer["interrupted"], last.answer["remark"]) == (False, remark)


@pytest.mark.parametrize(
    ("text", "cause", "reason"),
    [
        ("print('reads'); raise ValueError('no such column')", "exception", "exit code 1: Value"),
        ("import sys; sys.exit(3)", "exception", "the program ended with exit code 3"),
        ("raise MemoryError('no room')", "out_of_memory", "exit code 1: MemoryError: no room"),
        (
            "raise RuntimeError('DefaultCPUAllocator: not enough memory: you tried to allocate "
            "4000000 bytes.')",
            "out_of_memory",
            "exit code 1: RuntimeError",
        ),
        ("raise OSError(28, 'No space left on device')", "disk", "exit code 1: OSError"),
        (
            "import os, time; time.sleep(0.5); os.kill(os.getpid(), 9)",
            "lost_worker",
            "was killed by SIGKILL (out of memory? it held ",
        ),
        (
            "print('exitcode  : -9 (pid: 7)'); import sys; sys.exit(1)",
            "lost_worker",
            "a process of the program was killed by SIGKILL (out of memory? ",
        ),
    ],
)
def test_a_failure_has_a_cause_and_the_last_lines(
    text: str, cause: str, reason: str, programs: Programs, tmp_path: Path
) -> None:
    found = failure(programs, "\n".join(["print('x\\n' * 99)", text]), tmp_path)
    assert cause_of(found) == cause
    assert reason in found.reason
    machine = f"the machine has {size(psutil.virtual_memory().total)})"
    assert (machine in found.reason) == ("SIGKILL" in found.reason)
    lines = str(found).splitlines()
    assert lines[:2] == [found.reason, "the end of what it printed:"]
    assert 10 < len(lines) <= 52


def test_a_program_whose_folder_is_gone_fails_at_once(programs: Programs, tmp_path: Path) -> None:
    job = program(tmp_path / "gone", "lost", STEPS, "5")
    (tmp_path / "gone" / "lost.py").unlink()
    (tmp_path / "gone").rmdir()
    *_, last = ran(programs, job, tmp_path)
    assert isinstance(last, JobFailed)
    assert last.failure.reason.startswith("the program could not be started: ")


ORDERLY = """
import signal, sys, time
import rmixer
try:
    while True:
        time.sleep(0.002)
        rmixer.step()
except KeyboardInterrupt:
    print("kept", flush=True)
    sys.exit(130)
"""
STUBBORN = """
import signal, time
import rmixer
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
rmixer.step()
while True:
    time.sleep(600)
"""


@pytest.mark.parametrize("text", [ORDERLY, STUBBORN])
def test_one_that_is_asked_to_stop_is_interrupted_and_nobody_waits_for_it(
    text: str, programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_program, "INTERRUPT_GRACE_S", 0.3 if text is STUBBORN else 30.0)
    monkeypatch.setattr(one_program, "TERMINATE_GRACE_S", 0.3)
    programs.start(order(program(tmp_path, "asked", text, steps=10**6), tmp_path))
    heard(programs, lambda events: bool(steps_of(events)))
    begin_s = time.monotonic()
    programs.ask_to_stop(PLACE)
    assert time.monotonic() - begin_s < 0.2
    *_, last = heard(programs)
    assert isinstance(last, JobEnded)
    assert last.answer["interrupted"]
    if text is ORDERLY:
        assert (tmp_path / "run" / "logs" / "asked.log").read_text() == "kept\n"


def test_it_goes_on_by_a_command_of_its_own_if_steps_were_made(
    programs: Programs, tmp_path: Path
) -> None:
    resume = command(tmp_path, "resumed.py", "5")
    job = program(tmp_path, "resumed", STEPS, "9", steps=30, resume=resume)
    assert len(steps_of(ran(programs, job, tmp_path))) == 9
    events = ran(programs, job, tmp_path, steps_made=25)
    assert events[0] == Resumed(PLACE, events[0].at_s, 25, ())
    assert len(steps_of(events)) == 5
    last = events[-1]
    assert isinstance(last, JobEnded)
    assert "remark" not in last.answer  # 30 in all


FORKS = """
import os, subprocess, sys, time
import rmixer
sleeps = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(sleeps, start_new_session=True)
if not os.fork():
    time.sleep(600)
rmixer.step()
"""


def test_what_it_started_ends_with_it_and_is_counted_as_its_memory(
    programs: Programs, tmp_path: Path
) -> None:
    job = program(tmp_path, "forks", FORKS + "time.sleep(600)\n")
    programs.start(order(job, tmp_path))
    heard(programs, lambda events: bool(steps_of(events)))
    assert programs.memory_bytes("cpu:0") > 1 << 20
    assert len(processes_of(tmp_path)) == 4  # with the guard
    programs.end(PLACE, WorkerSilent("it gave no sign of life for 9 s (phase train)"))
    (last,) = [each for each in programs.events() if isinstance(each, JobFailed)]
    assert cause_of(last.failure) == "hang"
    assert last.failure.reason == "it gave no sign of life for 9 s (phase train)"
    assert len(processes_of(tmp_path)) == 1


def test_one_that_ends_and_leaves_others_is_over_when_these_are_ended(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_program, "LEFT_GRACE_S", 0.1)
    *_, last = ran(programs, program(tmp_path, "leaves", FORKS, steps=1), tmp_path)
    assert isinstance(last, JobEnded)
    assert len(processes_of(tmp_path)) == 1


SUPERVISOR = """
import os, signal, sys
from pathlib import Path
from program_jobs import program
from executor.workers.memory_guard import MemoryGuard
from executor.workers.programs import Programs
from executor.workers.workers import StepsMade, TrainingOrder
from rmixer.training.job_files import JobFiles
folder, core, text = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
programs = Programs(folder / "run", MemoryGuard())
job = program(folder, "forks", text)
programs.start(TrainingOrder(("cpu:0", 0), job, (core,), JobFiles(str(folder / "weights"))))
while not any(isinstance(each, StepsMade) for each in programs.events()):
    programs.wait(0.1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_all_of_it_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    """Though the processes that it started are in sessions of their own, or lost their parent."""
    paths, core = [path for path in sys.path if path], this_machine().cores[0]
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path), str(core), FORKS + "time.sleep(600)\n"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    end_s = time.monotonic() + PATIENCE_S
    while processes_of(tmp_path):
        assert time.monotonic() < end_s
        time.sleep(0.05)


def test_memory_that_is_refused_says_how_much_was_asked(programs: Programs, tmp_path: Path) -> None:
    text = "raise RuntimeError('not enough memory: you tried to allocate 4096 bytes.')"
    found = failure(programs, text, tmp_path)
    assert isinstance(found, OutOfMemory)
    assert found.asked_bytes == 4096
    assert not isinstance(found, WorkerLost)
