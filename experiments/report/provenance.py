"""The origin of a page's figures: machine, versions, commit, inputs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from experiments.report.run_content import RunContent
from experiments.run_files.run_folder import CONFIG
from rmixer.display.quantities import size
from rmixer.errors import InputError
from rmixer.files.typed_files import parse
from rmixer.imported.durations import NO_LIMIT_BYTES
from rmixer.scheduling.layout import Cut, Layout

LONGEST = 300


def facts(content: RunContent) -> dict[str, str]:
    """The known facts by name."""
    machine, workload, summary = content.machine, content.workload, content.summary
    gpus = ", ".join(f"{gpu.name} ({_room(gpu.memory_bytes)})" for gpu in machine.gpus)
    cores = f"{len(machine.cores)} cores, {_room(machine.memory_bytes)}"
    found = [
        ("command", f"rmixer {content.command}"),
        ("workload", f"{workload.name}, {len(workload.jobs)} jobs, seed {workload.seed}"),
        ("workload hash", content.workload_hash),
        ("policy", summary.policy if summary else ""),
        ("machine", f"{machine.name} ({machine.origin})"),
        ("processor", f"{machine.processor}, {cores}, {machine.sockets} socket(s)"),
        ("GPUs", gpus),
        ("profiles", summary.origin if summary else ""),
        ("level of the simulator", content.predicted[1].level if content.predicted else ""),
    ]
    if content.fingerprint is not None:
        taken = content.fingerprint
        found += [
            ("hardware", taken.hardware),
            ("system", taken.system),
            ("driver", taken.driver),
            ("Python", taken.python),
            ("torch", taken.torch),
            ("rmixer", taken.rmixer),
            ("commit", taken.commit),
            ("training processes", taken.training),
            ("others on the cores", ", ".join(taken.shared_with)),
        ]
    found += _settings(content.settings)
    return {name: value for name, value in found if value}


def _room(memory_bytes: int) -> str:
    return "memory without limit" if memory_bytes >= NO_LIMIT_BYTES else size(memory_bytes)


def _settings(settings: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """The run's own settings from ``config.yaml``; long ones are cut."""
    for name, value in settings.items():
        if name == "layout":
            with contextlib.suppress(InputError):
                yield "slots × threads", str(Cut.of(parse(value, Layout, CONFIG)))
                continue
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        yield f"setting {name}", text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
