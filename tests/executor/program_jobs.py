"""Command jobs of small programs, with made-up profiles."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import psutil
from made_up_programs import make_command_job

from rmixer.user_code.command import Command
from rmixer.workload.workload import Job

STEPS = """
import sys, time
import rmixer
for step in range(int(sys.argv[1])):
    time.sleep(0.002)
    print("step", step, flush=True)
    rmixer.step()
"""
"""Makes as many steps as it is told; needs no torch."""


def program(folder: Path, name: str, text: str, *options: str, **changes: Any) -> Job:
    """A command job of the program ``text``, called with ``options``; ``changes`` are the job's."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    made = make_command_job(name, f"{name}.py")
    return dataclasses.replace(made, command=command(folder, f"{name}.py", *options), **changes)


def command(folder: Path, *arguments: str) -> Command:
    """What is run of a program in ``folder``."""
    line = " ".join(("python", *arguments))
    return Command(line, arguments, str(folder), sys.executable, "", "", "made up")


def processes_of(folder: Path) -> list[int]:
    """All that were started for programs in ``folder`` and are alive, and guards of such."""
    found = []
    for process in psutil.process_iter():
        try:
            steps_file = process.environ().get("RMIXER_STEPS_FILE", "")
        except psutil.Error:
            continue
        if steps_file.startswith(str(folder)) and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    guards = (
        each for each in psutil.Process().children() if "program_guard.py" in str(each.cmdline())
    )
    return [*found, *(guard.pid for guard in guards)]
