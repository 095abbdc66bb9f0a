"""A worker process: it does what it is told, where it is told, and ends when it should."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from rmixer.errors import RunFailed, WorkerLost, WorkerSilent
from rmixer.training.process import WorkerProcess, training_environment
from rmixer.training.task_failure import TaskFailed

HERE = Path(__file__).parent
CORE = min(os.sched_getaffinity(0))


@pytest.fixture(scope="module", autouse=True)
def tasks() -> Iterator[None]:
    """Workers find ``worker_tasks``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE))
        yield


@pytest.fixture(scope="module")
def worker(tasks: None) -> Iterator[WorkerProcess]:
    with WorkerProcess((CORE,)) as process:
        yield process


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[WorkerProcess]:
    """A worker of its own, to be killed."""
    process = WorkerProcess((CORE,), tmp_path / "logs" / "worker.log")
    yield process
    process.kill()


def gone(pid: int, within_s: float = 60.0) -> bool:
    """Whether a process is no more, or is only waiting for its parent to notice."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


def test_nobody_waits_for_ever_for_one_that_is_held_still(
    mortal: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rmixer.training.process.CLOCK_LIMIT_S", 0.2)
    monkeypatch.setattr("rmixer.training.process.KILLED_WITHIN_S", 0.2)
    mortal.settle_clock()
    os.kill(mortal.pid, signal.SIGSTOP)
    with pytest.raises(WorkerSilent, match="did not answer"):
        mortal.settle_clock()
    with monkeypatch.context() as patch:  # as one that is stuck in a call to a disk
        patch.setattr(mortal, "strike", lambda: None)
        mortal.kill()
    assert not mortal.has_ended
    mortal.strike()
    assert gone(mortal.pid)


def test_one_that_stops_in_the_middle_of_a_message_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rmixer.training.process.MESSAGE_LIMIT_S", 0.3)
    with WorkerProcess((CORE,)) as worker:
        worker.start("worker_tasks:half_a_message")
        with pytest.raises(WorkerSilent, match="stopped in the middle of a message"):
            worker.receive()
        worker.kill()
    with WorkerProcess((CORE,)) as slow:  # who says nothing yet has all the time
        assert slow.call("worker_tasks:double_later", number=21, after_s=1.0) == 42


def test_a_task_is_run_with_its_arguments_and_answers(worker: WorkerProcess) -> None:
    assert worker.call("worker_tasks:double", number=21) == 42


def test_a_task_that_fails_is_reported_and_the_worker_lives_on(worker: WorkerProcess) -> None:
    worker.start("worker_tasks:fail", text="no such luck")
    message = worker.receive(60)
    assert message["kind"] == "failed"
    assert message["error"] == "ValueError: no such luck"
    assert "in fail\n" in message["traceback"]
    with pytest.raises(RunFailed, match="no such luck"):
        worker.call("worker_tasks:fail", text="no such luck")
    with pytest.raises(RunFailed, match="no_such_task"):
        worker.call("worker_tasks:no_such_task")
    assert worker.call("worker_tasks:double", number=4) == 8


def test_a_worker_is_pinned_before_torch_is_there(worker: WorkerProcess) -> None:
    seen = worker.call("worker_tasks:surroundings")
    assert seen["pid"] == worker.pid
    assert seen["affinity"] == [CORE]
    assert seen["environment"]["OMP_NUM_THREADS"] == "1"
    assert not seen["torch imported"]


def test_threads_sleep_while_they_wait_on_shared_cores_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")  # of the user's shell
    monkeypatch.setenv("GOMP_SPINCOUNT", "1")
    alone, shared = training_environment(2), training_environment(1, shares_cores=True)
    assert "OMP_WAIT_POLICY" not in alone
    assert shared["OMP_WAIT_POLICY"] == "PASSIVE"
    assert "GOMP_SPINCOUNT" not in alone
    assert (alone["OMP_NUM_THREADS"], shared["OMP_NUM_THREADS"]) == ("2", "1")


def test_a_worker_is_a_session_of_its_own(worker: WorkerProcess) -> None:
    """So a Ctrl-C at the terminal goes to the parent alone."""
    seen = worker.call("worker_tasks:surroundings")
    assert seen["session"] == seen["pid"]
    assert seen["parent"] == os.getpid()


def test_both_clocks_are_one_clock_on_one_machine(worker: WorkerProcess) -> None:
    worker.settle_clock()
    assert abs(worker.offset_s) < 0.02


def test_a_stop_is_heard_by_the_running_task(worker: WorkerProcess) -> None:
    worker.start("worker_tasks:count_until_stopped")
    assert worker.expect("counted", 60)["number"] == 0
    worker.send("stop")
    while (message := worker.receive(60))["kind"] == "counted":
        pass
    assert message["kind"] == "done"
    assert 0 < message["answer"] < 1000


def test_a_stop_that_comes_too_late_does_not_stop_the_next_task(worker: WorkerProcess) -> None:
    worker.call("worker_tasks:double", number=1)
    worker.send("stop")
    assert worker.call("worker_tasks:see_a_stop", within_s=0.05) is False


def test_a_stop_sent_at_once_is_not_lost(worker: WorkerProcess) -> None:
    for _ in range(50):
        worker.start("worker_tasks:see_a_stop", within_s=5.0)
        worker.send("stop")
        assert worker.expect("done", 60)["answer"] is True


def test_full_pipes_in_both_directions_do_not_lock(worker: WorkerProcess) -> None:
    size = 4 << 20
    worker.start("worker_tasks:exchange", size=size)
    worker.send("load", content=bytes(size))
    assert len(worker.receive(60)["content"]) == size
    assert worker.expect("done", 60)["answer"] == size


def test_silence_is_an_error_after_a_while(mortal: WorkerProcess) -> None:
    mortal.start("worker_tasks:sleep", seconds=60)
    with pytest.raises(RunFailed, match=f"worker {mortal.pid} did not answer within 0 s"):
        mortal.receive(0.05)


def test_an_unexpected_message_is_an_error(worker: WorkerProcess) -> None:
    worker.start("worker_tasks:double", number=1)
    with pytest.raises(RunFailed, match="sent 'done' instead of 'counted'"):
        worker.expect("counted", 60)


def test_an_answer_that_comes_too_late_is_not_that_of_the_next_question(
    worker: WorkerProcess,
) -> None:
    with pytest.raises(WorkerSilent, match="did not answer"):
        worker.call("worker_tasks:sleep", seconds=0.05, timeout_s=0.001)
    assert worker.call("worker_tasks:double", number=21) == 42
    worker.start("worker_tasks:fail", text="nobody reads this")
    worker.start("worker_tasks:double", number=4)
    assert worker.expect("done", 10)["answer"] == 8


def test_who_asks_a_task_that_has_ended_is_not_left_waiting(worker: WorkerProcess) -> None:
    worker.start("worker_tasks:fail", text="no such luck")
    with pytest.raises(TaskFailed, match="no such luck\n") as failed:
        worker.ask("run", timeout_s=10)
    assert failed.value.reason == "ValueError: no such luck"
    with pytest.raises(RunFailed, match="no task is running"):
        worker.ask("run", timeout_s=10)
    worker.start("worker_tasks:double", number=1)
    with pytest.raises(RunFailed, match="had ended its task when it was asked for 'run'"):
        worker.ask("run", timeout_s=10)
    assert worker.call("worker_tasks:double", number=4) == 8


def test_a_worker_may_have_a_limit_for_all_its_answers() -> None:
    with WorkerProcess((CORE,), answer_within_s=0.01) as process:
        with pytest.raises(RunFailed, match="did not answer within 0 s"):
            process.call("worker_tasks:sleep", seconds=60)
        process.kill()


def test_exit_is_orderly() -> None:
    with WorkerProcess((CORE,)) as process:
        process.call("worker_tasks:double", number=1)
    assert process.has_ended
    assert process.epitaph().endswith("ended with exit code 0")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_worker_says_by_what(mortal: WorkerProcess, number: signal.Signals) -> None:
    mortal.start("worker_tasks:sleep", seconds=60)
    os.kill(mortal.pid, number)
    with pytest.raises(WorkerLost) as error:
        mortal.receive(60)
    assert str(error.value).startswith(f"worker {mortal.pid} was killed by {number.name}")
    assert ("out of memory" in str(error.value)) == (number == signal.SIGKILL)
    with pytest.raises(RunFailed, match="was killed"):
        mortal.send("task", task="worker_tasks:double", arguments={"number": 1})


def test_a_worker_that_leaves_says_with_which_code(mortal: WorkerProcess, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "worker.log"
    mortal.call("worker_tasks:say", text="last words")
    with pytest.raises(RunFailed, match=rf"ended with exit code 3 \(it printed to {log}\)"):
        mortal.call("worker_tasks:leave", code=3)
    assert log.read_text() == "last words\nLAST WORDS\n"


def test_half_a_message_is_a_dead_worker_and_nothing_else(mortal: WorkerProcess) -> None:
    with pytest.raises(RunFailed, match="ended with exit code 1"):
        mortal.call("worker_tasks:leave_half_a_message")


def test_a_deaf_worker_is_killed(mortal: WorkerProcess) -> None:
    mortal.start("worker_tasks:sleep", seconds=60)
    mortal.close(grace_s=0.1)
    assert gone(mortal.pid)
    mortal.close(grace_s=0.1)  # a second time does no harm


def test_an_error_in_the_parent_ends_the_worker() -> None:
    process = WorkerProcess((CORE,))
    process.start("worker_tasks:sleep", seconds=60)
    with pytest.raises(ZeroDivisionError), process:
        raise ZeroDivisionError
    assert gone(process.pid)


def test_workers_end_with_a_parent_that_was_killed() -> None:
    path = os.pathsep.join((str(HERE), str(HERE.parents[2])))
    command = [sys.executable, str(HERE / "worker_tasks.py")]
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(psutil.pid_exists(pid) for pid in pids)
        parent.kill()
    assert all(gone(pid) for pid in pids)


def test_a_core_that_is_not_there_is_a_clear_failure(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    process = WorkerProcess((99_999,), log)
    with pytest.raises(RunFailed, match="ended with exit code 1"):
        process.receive(60)
    assert "sched_setaffinity" in log.read_text()
    process.kill()
