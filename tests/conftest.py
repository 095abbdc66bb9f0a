"""What every test finds: a home and locks of its own, so that it leaves the user's home alone and
waits for no run of the user's; how many examples property tests try; and which tests begin."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

# A busy machine is no mistake, and what fails once should fail again. ``make test-all`` looks
# further, elsewhere each time: its seed is printed, and ``make test-all SEED=...`` repeats it.
settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=20)
settings.register_profile("thorough", deadline=None, max_examples=200, print_blob=True)
settings.load_profile("repeatable")

LONGEST_FIRST = (
    "tests/rmixer/cli/test_whole_loop.py",
    "tests/executor/supervision/test_faults.py",
    "tests/executor/supervision/test_resumed_run.py",
    "tests/profiles/profiler/test_profiled_job.py",
    "tests/rmixer/training/test_real_training_jobs.py",
    "tests/executor/supervision/test_programs_executed.py",
    "tests/rmixer/training/test_worker_training.py",
    "tests/rmixer/cli/test_checked_once.py",
    "tests/experiments/gpu_check/test_dry_run.py",
    "tests/executor/supervision/test_asked_run.py",
    "tests/executor/supervision/test_own_models_executed.py",
    "tests/executor/supervision/test_loss_not_finite.py",
    "tests/executor/supervision/test_crowded_memory.py",
    "tests/profiles/memory/test_gpu_memory_prediction.py",
    "tests/executor/workers/test_warm_processes.py",
    "tests/rmixer/training/test_training_step.py",
    "tests/executor/supervision/test_interrupted_command.py",
    "tests/rmixer/cli/test_own_model_example.py",
    "tests/rmixer/cli/test_failing_queue.py",
    "tests/executor/supervision/test_lost_workers.py",
    "tests/executor/supervision/test_real_training_executed.py",
    "tests/profiles/memory/test_memory_prediction.py",
    "tests/rmixer/training/test_own_worker.py",
    "tests/rmixer/cli/test_profile_memory.py",
    "tests/profiles/programs/test_profiled_command.py",
    "tests/executor/supervision/test_executed_run.py",
    "tests/rmixer/cli/test_data_commands.py",
    "tests/rmixer/data/test_prepare.py",
)
"""The files that take longest: two processes that share the tests by files are then done at about
the same time. (``pytest --durations=0`` says how long each test takes.)"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest files first; within a file, and all others, in their usual order."""
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


@pytest.fixture(scope="session", autouse=True)
def rmixer_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One folder for the whole session, whether one process or several run the tests: each
    synthetic twin is made once."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RMIXER_HOME", str(shared / "rmixer_home"))
        patch.setenv("RMIXER_LOCK", f"tests-{os.getpid()}")
        yield


@pytest.fixture(params=[1, pytest.param(2, marks=pytest.mark.thorough)], ids="passes {}".format)
def passes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many fresh workers a profile measures each step in. One takes half the time of two, and
    will do where only what is done with the profile is tested."""
    for module in ("crew", "profile_jobs"):
        monkeypatch.setattr(f"profiles.profiler.{module}.PASSES", request.param)
    return int(request.param)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> None:
    """A shell starts what it leaves in the background with Ctrl-C ignored, and so would be the
    commands that the tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
