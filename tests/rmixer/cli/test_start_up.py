"""A command that has little to say says it at once: it imports nothing that takes seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("torch", "scipy", "seaborn", "matplotlib", "pandas", "simpy")
CODE = f"""
import contextlib, io, json, sys
from rmixer.cli import main

for arguments in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code
    heavy = [name for name in {HEAVY!r} if name in sys.modules]
    print(json.dumps([code, said.getvalue(), heavy]))
"""

MISTAKES = {
    "{model: criteo_dlmr, steps: 5}": "did you mean 'criteo_dlrm'",
    "{model: criteo_dlrm, steps: 5, step: 3}": "jobs.0.step",
    "{model: criteo_dlrm, steps: 5": "line",
    "{model: criteo_dlrm, steps: 5, data: nowhere}": "nowhere",
    "{model: criteo_flen, steps: 5, batch: 1}": "two samples or more",
    "{model: 'nowhere.mod:build', steps: 5}": "no module 'nowhere.mod'",
    "{command: python nowhere.py, steps: 5}": "no program 'nowhere.py'",
    "{profile: nowhere, steps: 5}": "'nowhere'",
}
READ_ONE = (
    ["run"],
    ["run", "--plan"],
    ["simulate", "--policy", "dyType"],
    ["sweep"],
    ["execute", "--policy", "dyType"],
    ["profile", "run", "--workload"],
    ["profile", "memory", "--workload"],
)
"""Commands that read a workload."""


def ended(folder: Path, *commands: list[str]) -> list[tuple[int, str, list[str]]]:
    """How ``commands`` end one after the other in one process: the exit code, what is printed, and
    what of :data:`HEAVY` is imported by then."""
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "RMIXER_HOME": str(folder / "home")},
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_a_mistake_in_a_workload_is_told_without_any_stage(tmp_path: Path) -> None:
    commands, expected = [], []
    for number, (job, said) in enumerate(MISTAKES.items()):
        (tmp_path / f"{number}.yaml").write_text(f"jobs:\n  - {job}\n")
        for words in READ_ONE:
            commands.append([*words, f"{number}.yaml"])
            expected.append(said)
    found = ended(tmp_path, *commands)
    assert len(found) == len(commands)
    for command, said, (code, printed, heavy) in zip(commands, expected, found, strict=True):
        assert (code, heavy) == (2, []), (command, printed)
        assert said in printed, command


def test_what_is_refused_or_listed_needs_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "fine.yaml").write_text("jobs:\n  - {model: criteo_dlrm, steps: 5}\n")
    (tmp_path / "program.py").write_text("import torch\n")
    (tmp_path / "program.yaml").write_text("jobs:\n  - {command: python program.py, steps: 5}\n")
    listed = (["models"], ["models", "beauty_bert4rec"], ["policies"], ["data", "list"], ["--help"])
    refused = (
        ["run", "nowhere.yaml"],
        ["run", "--nowhere"],
        ["simulate", "fine.yaml", "--policy", "dyTpye"],
        ["simulate", "fine.yaml", "--policy", "dyType", "--set", "steps=3"],
        ["sweep", "fine.yaml", "--policies", "dyTpye"],
        ["sweep", "fine.yaml", "--slots", "many"],
        ["simulate", "program.yaml", "--policy", "dyTpye"],
        ["status", "nowhere"],
        ["cancel", "nowhere", "a"],
        ["execute", "nowhere.json"],
        ["profile", "run", "criteo_dlmr"],
        ["profile", "memory", "criteo_dlmr"],
        ["profile", "show", "criteo_dlmr", "--machine", "epyc-2c"],
        ["profile", "show", "criteo_dlrm", "--machine", "nowhere"],
    )
    shown = (["profile", "show", "criteo_dlrm", "--machine", "epyc-2c"],)
    found = ended(tmp_path, *listed, *refused, *shown)
    codes = [0] * len(listed) + [2] * len(refused) + [0]
    for command, expected, (code, printed, heavy) in zip(
        (*listed, *refused, *shown), codes, found, strict=True
    ):
        assert (code, heavy) == (expected, []), (command, printed)
    assert "criteo_dlrm" in found[0][1]
