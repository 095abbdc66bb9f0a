"""Command jobs in a workload: what is known of their program, and every way to get one wrong."""

from __future__ import annotations

import json
import platform
import sys
import venv
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from rmixer.errors import InputError
from rmixer.files.typed_files import parse, plain
from rmixer.workload.learned_steps import learn_steps
from rmixer.workload.shrinking import Shrinking
from rmixer.workload.workload import SUPPOSED_STEPS, Job, Workload
from rmixer.workload.workload_file import read_workload

MODEL = "{model: criteo_dlrm, steps: 5}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workload's folder with a program, a module beside it, and a package."""
    (tmp_path / "train.py").write_text("import layers\nprint('never run')\n")
    (tmp_path / "layers.py").write_text("WIDTH = 3\n")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "__init__.py").write_text("")
    (tmp_path / "tools" / "fit.py").write_text("from . import data\nimport layers\n")
    (tmp_path / "tools" / "data.py").write_text("")
    (tmp_path / "tools" / "__main__.py").write_text("from .data import *\n")
    return tmp_path


def read(folder: Path, *jobs: str) -> Workload:
    path = folder / "queue.yaml"
    path.write_text("jobs:\n" + "".join(f"  - {job}\n" for job in jobs), encoding="utf-8")
    return read_workload(path)


def job(folder: Path, keys: str) -> Job:
    (only,) = read(folder, f"{{steps: 5, {keys}}}").jobs
    return only


def test_what_is_known_of_a_program(folder: Path) -> None:
    found = job(folder, "command: 'python -u train.py --lr 0.1 --name \"a b\"', arrival_s: 2")
    assert (found.id, found.model, found.steps, found.arrival_s) == ("train.py-0", "train.py", 5, 2)
    assert (found.batch, found.optimizer, found.rows_cap) == (0, "", None)
    assert not found.in_registry
    command = found.command
    assert command is not None
    assert command.arguments == ("-u", "train.py", "--lr", "0.1", "--name", "a b")
    assert (command.python, command.folder) == (sys.executable, str(folder))
    assert command.python_version == platform.python_version()
    assert command.torch_version == version("torch")


def test_what_is_quoted_is_an_argument_whatever_a_shell_would_make_of_it(folder: Path) -> None:
    line = r"""python train.py 'a|b' --rate="x>'y'" it\'s \; "q\"&" """
    command = job(folder, f"command: {json.dumps(line)}").command
    assert command is not None
    assert command.arguments == ("train.py", "a|b", "--rate=x>'y'", "it's", ";", 'q"&')


def test_copies_names_and_company(folder: Path) -> None:
    program = "{command: python train.py, steps: 5, count: 2}"
    workload = read(folder, program, MODEL, "{command: python3 -m tools.fit, steps: 1, id: mine}")
    assert [job.id for job in workload.jobs] == [
        "train.py-0",
        "train.py-1",
        "criteo_dlrm-0",
        "mine",
    ]
    assert workload.jobs[3].model == "tools.fit"


def test_a_workload_survives_being_written(folder: Path) -> None:
    workload = read(folder, "{command: python train.py, steps: 5}", MODEL)
    assert parse(plain(workload), Workload, "config.yaml") == workload


def test_the_python_of_another_environment(folder: Path) -> None:
    venv.create(folder / "env", symlinks=True)
    command = job(folder, "command: python train.py, python: env/bin/python").command
    assert command is not None
    assert command.python == str(folder / "env" / "bin" / "python")
    assert command.torch_version == ""  # nothing is installed there
    guarded = "try:\n    import torch\nexcept ImportError:\n    torch = None\n"
    for program, needs in (("import torch.nn as nn\n", True), (guarded, False)):
        (folder / "train.py").write_text(program)
        if not needs:
            assert job(folder, "command: python train.py, python: env/bin/python").command
            continue
        with pytest.raises(
            InputError, match=r"jobs\.0\.python: found .*/env/bin/python, which has"
        ):
            job(folder, "command: python train.py, python: env/bin/python")


def test_its_cost_identity_is_its_line_its_sources_and_its_versions(folder: Path) -> None:
    first = job(folder, "command: python train.py --lr 0.1")
    identity = first.identity
    assert identity.is_program
    assert identity.architecture == "python train.py --lr 0.1"
    assert identity.key.startswith("train.py-")
    assert replace(first, id="other", steps=9).identity == identity
    assert first.command is not None
    others = [
        job(folder, "command: python train.py --lr 0.2"),
        replace(first, command=replace(first.command, python_version="3.8.0")),
        replace(first, command=replace(first.command, torch_version="2.0.0")),
        replace(first, command=replace(first.command, gpus=1)),
    ]
    keys = {each.identity.key for each in others}
    assert len(keys | {identity.key}) == 5


@pytest.mark.parametrize(
    ("line", "file", "counts"),
    [
        ("python train.py", "train.py", True),
        ("python train.py", "layers.py", True),
        ("python train.py", "tools/fit.py", False),
        ("python -m tools.fit", "tools/fit.py", True),
        ("python -m tools.fit", "tools/data.py", True),
        ("python -m tools.fit", "tools/__init__.py", True),
        ("python -m tools.fit", "layers.py", True),
        ("python -m tools.fit", "train.py", False),
        ("python -m tools", "tools/__main__.py", True),
        ("python -m tools", "tools/__init__.py", True),
        ("python -m tools", "tools/data.py", True),
        ("python -m tools", "tools/fit.py", False),
        ("python -Wignore -X dev -um tools.fit", "tools/fit.py", True),
    ],
)
def test_a_change_of_what_it_imports_is_another_identity(
    folder: Path, line: str, file: str, counts: bool
) -> None:
    before = job(folder, f"command: {line}").identity.key
    with (folder / file).open("a") as source:
        source.write("# changed\n")
    assert (job(folder, f"command: {line}").identity.key != before) == counts


@pytest.mark.parametrize(
    ("keys", "key", "found", "allowed"),
    [
        ("command: train.py", "command", "'train.py'", "'python program.py ...' or "),
        ("command: ''", "command", "''", "'python program.py ...' or "),
        ("command: sh train.py", "command", "'sh train.py'", "'python program.py"),
        ("command: torchrun gone.py", "command", "'torchrun gone.py'", "a program, like train.py"),
        (
            "command: accelerate launch -m gone",
            "command",
            "'accelerate launch -m g",
            "a module in ",
        ),
        (
            "command: python train.py, resume: python gone.py",
            "resume",
            "no program 'g",
            "a program in",
        ),
        ("command: python train.py, resume: ls", "resume", "'ls'", "'python program.py ...' or "),
        (
            "model: criteo_dlrm, resume: python a.py",
            "resume",
            "'python a.py'",
            "nothing: it is for a",
        ),
        ("command: python -c pass", "command", "'python -c ", "'python program.py"),
        ("command: python -I train.py", "command", "'python -I ", "no -I: with it Python does not"),
        ("command: python -uE train.py", "command", "'python -uE ", "no -E: with it Python"),
        (
            "command: python train.py | tee log",
            "command",
            "'python train.py | ",
            "one program, and no '|",
        ),
        (
            "command: python train.py 2>&1",
            "command",
            "'python train.py 2>",
            "one program, and no '>",
        ),
        (
            "command: python train.py&&ls",
            "command",
            "'python train.py&&",
            "one program, and no '&&",
        ),
        (
            'command: "python \'train.py"',
            "command",
            '"python \'train.py" (no closing',
            "words as a",
        ),
        ("command: python gone.py", "command", "no program 'gone.py'", "a program in "),
        ("command: python", "command", "no program ''", "a program in "),
        ("command: python tools", "command", "no program 'tools'", "a program in "),
        ("command: python -m gone.fit", "command", "no module 'gone.fit'", "a module in "),
        ("command: python -m a-b", "command", "no module 'a-b'", "a module in "),
        ("command: python bad.py", "command", "{}/bad.py, line 1: ", "a program that Python can"),
        (
            "command: python train.py, python: gone/python",
            "python",
            "'gone/python', which does not",
            "a",
        ),
        ("command: python train.py, python: train.py", "python", "'train.py', which is no P", "a"),
        ("command: python train.py, gpus: 2", "gpus", "2", "0 or 1: a program on several GPUs is"),
        ("command: python train.py, gpus: -1", "gpus", "-1", "a whole number >= 0"),
        (
            "command: python train.py, batch: 4",
            "batch",
            "4",
            "nothing: it is for the program's own",
        ),
        ("command: python train.py, seed: 0", "seed", "0", "nothing: it is for the program's own"),
        ("command: python train.py, model: a", "model", "'a'", "not together with 'command'"),
        ("model: criteo_dlrm, gpus: 1", "gpus", "1", "nothing: it is for a 'command' only"),
        ("model: criteo_dlrm, python: p", "python", "'p'", "nothing: it is for a 'command' only"),
        ("count: 2", "model", "nothing", "one of "),
    ],
)
def test_what_is_refused(folder: Path, keys: str, key: str, found: str, allowed: str) -> None:
    (folder / "bad.py").write_text("def (\n")
    with pytest.raises(InputError) as error:
        job(folder, keys)
    assert error.value.key == f"jobs.0.{key}"
    assert error.value.found.startswith(found.replace("{}", str(folder)))
    assert error.value.allowed.startswith(allowed)


@pytest.mark.parametrize(
    ("files", "imported"),
    [
        ({"main.py": "import help", "help/__init__.py": "", "help.py": ""}, "help/__init__.py"),
        (
            {
                "main.py": "from nets import *",
                "nets/__init__.py": "__all__ = ['a']",
                "nets/a.py": "",
            },
            "nets/a.py",
        ),
        (
            {"main.py": "import importlib\nimportlib.import_module('late')", "late.py": ""},
            "late.py",
        ),
        ({"main.py": "__import__('late')", "late.py": ""}, "late.py"),
        ({"main.py": None, "far/main.py": "import near", "far/near.py": ""}, "far/near.py"),
    ],
)
def test_what_it_imports_in_less_usual_ways(
    tmp_path: Path, files: dict[str, str | None], imported: str
) -> None:
    """A package before a module of its name, ``__all__``, a name that is called for, and beside
    the file that a link leads to."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if text is None:
            (tmp_path / name).symlink_to("far/main.py")
        else:
            (tmp_path / name).write_text(text)
    before = job(tmp_path, "command: python main.py").identity
    (tmp_path / imported).write_text("# changed\n")
    assert job(tmp_path, "command: python main.py").identity != before


def test_only_its_steps_can_be_shrunk(folder: Path) -> None:
    workload = read(folder, "{command: python train.py, steps: 100}", MODEL)
    shrunk = Shrinking(steps_scale=0.5, batch_max=8, rows_max=10).apply(workload)
    assert [(job.steps, job.batch, job.rows_cap) for job in shrunk.jobs] == [
        (50, 0, None),
        (2, 8, 10),
    ]
    assert shrunk.jobs[0].identity == workload.jobs[0].identity


@pytest.mark.parametrize(
    ("line", "model", "arguments"),
    [
        (
            "torchrun --nproc-per-node 2 train.py -m x",
            "train.py",
            "-m torch.distributed.run --nproc-per-node 2 train.py -m x",
        ),
        (
            "python -m torch.distributed.run --standalone train.py",
            "train.py",
            "-m torch.distributed.run --standalone train.py",
        ),
        (
            "accelerate launch --cpu -m tools.fit --lr 1",
            "tools.fit",
            "-m accelerate.commands.launch --cpu -m tools.fit --lr 1",
        ),
    ],
)
def test_a_launcher_is_run_as_a_module_and_its_program_is_the_one_it_starts(
    folder: Path, line: str, model: str, arguments: str
) -> None:
    found = job(folder, f"command: {line}")
    assert found.command is not None
    assert (found.model, found.command.arguments) == (model, tuple(arguments.split()))
    changed = "tools/fit.py" if model == "tools.fit" else "layers.py"
    (folder / changed).write_text("# changed\n")
    assert job(folder, f"command: {line}").identity != found.identity


@pytest.fixture
def environment(folder: Path) -> Path:
    """One with a package ``fitter``, a module ``single`` and a console script ``fit-it``."""
    venv.create(folder / "env", symlinks=True)
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    (packages / "fitter" / "runs").mkdir(parents=True)
    for name in ("__init__.py", "__main__.py", "runs/__init__.py", "runs/launch.py"):
        (packages / "fitter" / name).write_text("")
    (packages / "single.py").write_text("")
    script = folder / "env" / "bin" / "fit-it"
    script.write_text(f"#!{folder}/env/bin/python\nfrom fitter import main\n")
    (folder / "env" / "bin" / "shell").write_text("#!/bin/sh\nls\n")
    return packages


@pytest.mark.parametrize(
    ("line", "model", "arguments", "counts"),
    [
        ("python -m fitter --lr 1", "fitter", "-m fitter --lr 1", "fitter/__main__.py"),
        ("python -m single", "single", "-m single", "single.py"),
        ("python -m fitter.runs.launch", "fitter.runs.launch", "-m fitter.runs.launch", "fitter/"),
        ("python -mfitter.runs.launch -n 2 train.py", "train.py", "-mfitter.runs.launch", ""),
        ("python -m fitter -m tools.fit", "tools.fit", "-m fitter -m tools.fit", ""),
        ("fit-it --lr 1", "fit-it", "{}/env/bin/fit-it --lr 1", "../../../bin/fit-it"),
        ("fit-it -n 2 train.py --lr 1", "train.py", "{}/env/bin/fit-it -n 2 train.py", ""),
    ],
)
def test_installed_modules_and_console_scripts_are_programs(
    folder: Path, environment: Path, line: str, model: str, arguments: str, counts: str
) -> None:
    """Their sources are those of a program in the folder that they are given, or their own."""

    def found() -> Job:
        return job(folder, f"command: {line}, python: env/bin/python")

    first = found()
    assert first.command is not None
    assert first.model == model
    expected = tuple(arguments.replace("{}", str(folder)).split())
    assert first.command.arguments[: len(expected)] == expected
    changed = folder / ("tools/fit.py" if model == "tools.fit" else "layers.py")
    if counts:
        changed = environment / counts if "." in counts else environment / counts / "runs/launch.py"
    with changed.open("a") as file:
        file.write("# changed\n")
    assert found().identity != first.identity


@pytest.mark.parametrize("line", ["shell train.py", "python -m fitter.gone", "env/bin/fit-it"])
def test_what_is_none_of_the_environments(folder: Path, environment: Path, line: str) -> None:
    with pytest.raises(InputError):
        job(folder, f"command: {line}, python: env/bin/python")


def test_what_lies_in_the_folder_comes_before_what_is_installed(
    folder: Path, environment: Path
) -> None:
    (folder / "single.py").write_text("import layers\n")
    first = job(folder, "command: python -m single, python: env/bin/python").identity
    (folder / "layers.py").write_text("# changed\n")
    assert job(folder, "command: python -m single, python: env/bin/python").identity != first


def test_a_launcher_is_found_however_it_is_written(folder: Path) -> None:
    for line in (
        "python -m torch.distributed.run --standalone --nproc_per_node=2 train.py",
        "python -mtorch.distributed.run --standalone --nproc_per_node=2 train.py",
        "python -m torch.distributed.launch --nproc_per_node=2 train.py",
    ):
        found = job(folder, f"command: {line}")
        assert found.model == "train.py"
        assert found.command is not None
        assert found.command.arguments == tuple(line.split()[1:])


def test_what_goes_on_with_it_is_a_command_of_its_own(folder: Path) -> None:
    plain_job = job(folder, "command: python train.py")
    found = job(folder, "command: python train.py, resume: python -m tools.fit --from last")
    assert found.resume is not None
    assert found.resume.arguments == ("-m", "tools.fit", "--from", "last")
    assert found.identity == plain_job.identity  # its steps cost the same
    assert Workload("a", 0, (found,)).hash != Workload("a", 0, (plain_job,)).hash


def test_steps_that_nobody_knows_are_supposed_until_a_run_learns_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RMIXER_HOME", str(folder / "home"))
    line = "{command: python train.py, steps: unknown}"
    before = read(folder, line)
    assert [(job.steps, job.steps_from) for job in before.jobs] == [(SUPPOSED_STEPS, "supposed")]
    learn_steps(before.jobs[0].identity.key, 77)
    after = read(folder, line)
    assert [(job.steps, job.steps_from) for job in after.jobs] == [(77, "learned")]
    assert after.hash == before.hash  # a run of it is gone on with
    (other,) = read(folder, "{command: python train.py --lr 1, steps: unknown}").jobs
    assert other.steps_from == "supposed"
    with pytest.raises(InputError, match="steps: found 'unknown'; allowed: a whole number > 0"):
        read(folder, "{model: criteo_dlrm, steps: unknown}")
