"""What a user reads when the user's own code fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rmixer.errors import RunFailed
from rmixer.training.own_build import load_build
from rmixer.training.own_step import OwnStep
from rmixer.training.user_code import UserCode, UserCodeFailed, explained
from rmixer.user_code.own_module import own_sources, source_hash
from rmixer.workload.workload import Job

HEAD = "Traceback (most recent call last):\n"


def told(folder: Path, name: str, text: str) -> str:
    """What is told of a module that fails while its job is built and steps once."""
    (folder / f"{name}.py").write_text(text)
    source = source_hash(own_sources(name, folder), folder)
    job = Job("job", f"{name}:build", 1, 4, "adam", 0.1, 0, module_root=str(folder), source=source)
    with pytest.raises(RunFailed) as failed:  # noqa: PT012 - wherever it fails
        step = OwnStep(job, load_build(job.model, job.module_root, job.source))
        step.run()
    short, long = explained(failed.value)
    assert "\n" not in short
    return long


def test_it_begins_with_the_users_own_line(tmp_path: Path) -> None:
    text = "def helper():\n    return [][1]\n\ndef build(job):\n    return helper()\n"
    path = tmp_path / "index_net.py"
    assert told(tmp_path, "index_net", text) == (
        f'{HEAD}  File "{path}", line 5, in build\n    return helper()\n           ^^^^^^^^\n'
        f'  File "{path}", line 2, in helper\n    return [][1]\n           ~~^^^\n'
        "IndexError: list index out of range\n"
    )


def test_an_error_while_importing(tmp_path: Path) -> None:
    found = told(tmp_path, "import_net", "import no_such_module\nbuild = 1\n")
    assert found == (
        f'{HEAD}  File "{tmp_path / "import_net.py"}", line 1, in <module>\n'
        "    import no_such_module\nModuleNotFoundError: No module named 'no_such_module'\n"
    )


def test_a_cause_is_told_as_well(tmp_path: Path) -> None:
    text = (
        "def build(job):\n    try:\n        1 / 0\n    except ZeroDivisionError as error:\n"
        "        raise ValueError('no data') from error\n"
    )
    found = told(tmp_path, "cause_net", text)
    assert found.startswith(f'{HEAD}  File "{tmp_path / "cause_net.py"}", line 3, in build')
    assert "direct cause" in found
    assert found.endswith("ValueError: no data\n")
    assert "own_build.py" not in found


def test_frames_of_libraries_stay_and_ours_go(tmp_path: Path) -> None:
    text = """
import torch
from rmixer.own_model import OwnModel

def loss(module, batch):
    return module(batch).mean()

def build(job):
    net = torch.nn.Linear(3, 1)
    return OwnModel(net, [torch.ones(job.batch, 5)], loss, torch.optim.SGD(net.parameters()))
"""
    found = told(tmp_path, "shape_net", text)
    lines = [line for line in found.splitlines() if line.startswith("  File")]
    assert f'"{tmp_path / "shape_net.py"}", line 6, in loss' in lines[0]
    assert all("torch" in line for line in lines[1:])
    assert "linear.py" in lines[-1]
    assert "own_step.py" not in found


def test_what_is_wrong_in_words_has_no_traceback(tmp_path: Path) -> None:
    found = told(tmp_path, "none_net", "def build(job):\n    return None\n")
    allowed = "allowed: a rmixer.own_model.OwnModel"
    assert found == f"none_net:build returned NoneType; {allowed}\n"


def test_sys_exit_does_not_end_the_worker(tmp_path: Path) -> None:
    found = told(tmp_path, "exit_net", "import sys\n\ndef build(job):\n    sys.exit('enough')\n")
    assert found.endswith("SystemExit: enough\n")


def test_errors_of_ours_keep_their_whole_traceback() -> None:
    def ours() -> Any:
        raise KeyError("bug")

    with pytest.raises(KeyError) as failed:
        ours()
    short, long = explained(failed.value)
    assert short == "KeyError: 'bug'"
    assert "in ours" in long


def test_a_line_is_a_line() -> None:
    loader = ValueError(
        "Caught ValueError in DataLoader worker process 0.\nOriginal Traceback (most recent call "
        'last):\n  File "mine.py", line 3, in __getitem__\nValueError: row 7 is empty\n'
    )
    for error, line in (
        (ValueError("one\ntwo"), "ValueError: one"),
        (ValueError(), "ValueError"),
        (loader, "ValueError: row 7 is empty"),
    ):
        with pytest.raises(UserCodeFailed) as failed, UserCode():
            raise error
        assert explained(failed.value)[0] == line
