"""Users' own models beside one of the registry: who fails, fails alone, and is told why."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from executed_workloads import execute, this_machine, tiny

from executor.supervision.execution import ExecutedRun
from executor.supervision.observer import Observer
from rmixer.data.prepare import prepare
from rmixer.files.typed_files import write_json
from rmixer.run_record.run_summary import read_summary
from rmixer.scheduling.layout import even_layout
from rmixer.workload.workload_file import read_workload

GOOD = """
import torch
from rmixer.own_model import OwnModel

def build(job):
    net = torch.nn.Linear(3, 1)
    batches = [torch.rand(job.batch, 3) for _ in range(4)]
    optimizer = torch.optim.SGD(net.parameters(), lr=job.lr)
    return OwnModel(net, batches, lambda net, batch: net(batch).square().mean(), optimizer)
"""
BAD = """
import good_net

def failing(net, batch):
    raise LookupError(f"no row in {len(batch)}")

def ugly(net, batch):
    raise ValueError("bad \\udc80 text \\x1b[2J" + "y" * 2000)

def leaving(net, batch):
    raise GeneratorExit("not even an Exception")

def unpredictable(job):
    from dataclasses import replace
    built = good_net.build(job)
    def predict(net, batch):
        raise RuntimeError("no labels")
    return replace(built, held_out=built.batches, predict=predict)

def talking(net, batch):
    import logging, sys
    print("a step")
    print("an error", file=sys.stderr)
    logging.warning("a warning")
    return good_net.build.__globals__["torch"].zeros(1, requires_grad=True).sum()

def build_talking(job):
    from dataclasses import replace
    print("x" * 100_000)
    return replace(good_net.build(job), loss=talking)

def build_ugly(job):
    from dataclasses import replace
    return replace(good_net.build(job), loss=ugly)

def build_leaving(job):
    from dataclasses import replace
    return replace(good_net.build(job), loss=leaving)

def build(job):
    from dataclasses import replace
    return replace(good_net.build(job), loss=failing)
"""


class Listener(Observer):
    """Keeps the tracebacks, and what is told of the run."""

    def __init__(self) -> None:
        self.heard: dict[str, str] = {}
        self.told_texts: list[str] = []

    def told(self, text: str) -> None:
        self.told_texts.append(text)

    def failed(self, job: str, traceback: str) -> None:
        self.heard[job] = traceback


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, rmixer_home: None) -> Path:
    prepare("criteo_kaggle", "synthetic")
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener()


@pytest.fixture(scope="module")
def run(folder: Path, listener: Listener) -> ExecutedRun:
    """Nine jobs one after the other in one worker."""
    (folder / "good_net.py").write_text(GOOD)
    (folder / "bad_net.py").write_text(BAD)
    (folder / "logs").mkdir()
    for name in ("talks", "talks-again"):  # a device that is always full
        (folder / "logs" / f"{name}.log").symlink_to("/dev/full")
    path = folder / "queue.yaml"
    path.write_text(
        "jobs:\n"
        "  - {model: 'good_net:build', steps: 20, batch: 8}\n"
        "  - {model: 'bad_net:build', steps: 20, batch: 8}\n"
        "  - {model: 'good_net:build', steps: 30, batch: 8}\n"
        "  - {model: 'bad_net:build_ugly', steps: 9, batch: 8, id: ugly}\n"
        "  - {model: 'bad_net:build_leaving', steps: 9, batch: 8, id: leaving}\n"
        "  - {model: 'bad_net:unpredictable', steps: 9, batch: 8, id: late}\n"
        "  - {model: 'bad_net:build_talking', steps: 9, batch: 8, id: talks}\n"
        "  - {model: 'bad_net:build_talking', steps: 9, batch: 8, id: talks-again}\n"
    )
    jobs = [*read_workload(path).jobs, tiny("dlrm")]
    return execute(folder, jobs, layout=even_layout(this_machine(), 1, 1), observer=listener)


def test_the_others_go_on(run: ExecutedRun) -> None:
    assert run.failure is None
    states = {job.id: (job.state, job.steps) for job in run.summary.jobs}
    assert states == {
        "good_net-0": ("done", 20),
        "bad_net-0": ("failed", 0),
        "good_net-1": ("done", 30),
        "ugly": ("failed", 0),
        "leaving": ("failed", 0),
        "late": ("failed", 9),
        "talks": ("done", 9),
        "talks-again": ("done", 9),
        "dlrm": ("done", 6),
    }


def test_who_failed_says_so_in_a_line_and_keeps_the_users_traceback(
    run: ExecutedRun, folder: Path, listener: Listener
) -> None:
    assert run.summary.job("bad_net-0").error == "LookupError: no row in 8"
    text = (folder / "failures" / "bad_net-0.txt").read_text()
    assert text == (
        "Traceback (most recent call last):\n"
        f'  File "{folder / "bad_net.py"}", line 5, in failing\n'
        '    raise LookupError(f"no row in {len(batch)}")\nLookupError: no row in 8\n'
    )
    assert listener.heard["bad_net-0"] == text


def test_what_a_user_raises_is_made_printable_and_short(run: ExecutedRun, folder: Path) -> None:
    error = run.summary.job("ugly").error
    assert error is not None
    assert error.startswith("ValueError: bad \\udc80 text \\x1b[2J" + "y" * 50)
    assert len(error) < 600
    write_json(folder / "summary.json", run.summary)
    assert read_summary(folder / "summary.json") == run.summary
    assert "\\udc80" in (folder / "failures" / "ugly.txt").read_text()


def test_what_is_not_even_an_exception_costs_no_worker(run: ExecutedRun, folder: Path) -> None:
    assert run.summary.job("leaving").error == "GeneratorExit: not even an Exception"
    assert "in leaving" in (folder / "failures" / "leaving.txt").read_text()


def test_a_print_onto_a_full_disk_is_dropped_and_told_once(
    run: ExecutedRun, listener: Listener
) -> None:
    jobs = [run.summary.job(name) for name in ("talks", "talks-again")]
    assert [(job.state, job.attempt, job.causes) for job in jobs] == [("done", 1, ())] * 2
    assert listener.told_texts == [
        "talks: its output cannot be written (No space left on device): lines are left out of "
        "its log, and training goes on"
    ]


def test_weights_are_kept_where_the_evaluation_fails(run: ExecutedRun, folder: Path) -> None:
    assert run.summary.job("late").error == "RuntimeError: no labels"
    assert torch.load(folder / "models" / "late.pt", weights_only=True)


def test_what_was_trained_is_saved_and_what_was_not_held_out_not_evaluated(
    run: ExecutedRun, folder: Path
) -> None:
    weights = torch.load(folder / "models" / "good_net-1.pt", weights_only=True)
    assert {name: tuple(value.shape) for name, value in weights.items()} == {
        "weight": (1, 3),
        "bias": (1,),
    }
    job = run.summary.job("good_net-0")
    assert (job.model, job.loss, dict(job.quality)) == ("good_net:build", None, {})
    assert job.first_loss is not None
