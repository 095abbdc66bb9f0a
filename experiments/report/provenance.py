"""Where the figures of a page come from: machine, versions, commit, inputs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from experiments.report.run_content import RunContent
from rmixer.display.quantities import size

LONGEST = 300


@dataclass(frozen=True)
class Fact:
    """``value`` of what is called ``name``."""

    name: str
    value: str


def facts(content: RunContent) -> list[Fact]:
    """All that is known, what is not known left out."""
    machine, workload, summary = content.machine, content.workload, content.summary
    gpus = ", ".join(f"{gpu.name} ({size(gpu.memory_bytes)})" for gpu in machine.gpus)
    cores = f"{len(machine.cores)} cores, {size(machine.memory_bytes)}"
    found = [
        ("command", f"rmixer {content.command}"),
        ("workload", f"{workload.name}, {len(workload.jobs)} jobs, seed {workload.seed}"),
        ("workload hash", content.workload_hash),
        ("policy", summary.policy if summary else ""),
        ("machine", f"{machine.name} ({machine.origin})"),
        ("processor", f"{machine.processor}, {cores}, {machine.sockets} socket(s)"),
        ("GPUs", gpus),
        ("profiles", summary.origin if summary else ""),
        ("level of the simulator", _level(content)),
    ]
    if content.fingerprint is not None:
        print_ = content.fingerprint
        found += [
            ("hardware", print_.hardware),
            ("system", print_.system),
            ("driver", print_.driver),
            ("Python", print_.python),
            ("torch", print_.torch),
            ("rmixer", print_.rmixer),
            ("commit", print_.commit),
            ("training processes", print_.training),
            ("others on the cores", ", ".join(print_.shared_with)),
        ]
    found += _settings(content)
    return [Fact(name, value) for name, value in found if value]


def _level(content: RunContent) -> str:
    return (content.predicted[1].level or "") if content.predicted else ""


def _settings(content: RunContent) -> Iterable[tuple[str, str]]:
    """The run's own settings as ``config.yaml`` has them; of long ones the beginning."""
    for name, value in content.settings.items():
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        yield f"setting {name}", text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
