"""Seconds that a job takes to be built and to be saved, against an older commit.

``python -m experiments.bench.build_and_save --against COMMIT [--models a,b] [--out FILE]``. Each
measurement is a process of its own on one core, as a worker is, that has built a small model of the
same kind before. What is shown is the median of rounds. In a round every model is built, trained
three steps and saved as it is now, by the older commit, and as it is now again; *floor* is how far
the medians of the first and the second time differ. *CPU* is user time alone, which other programs
disturb least; wall time has the faults of pages too, and should be read from a quiet machine.

*Tables* is how fast a table of 400 MB is made: by user time, and by wall time with the faults of
its pages. *Disk* is what ``dd`` writes to the same folder until it is on the disk: straight there,
and by the system's cache of files. Each file is written three seconds after the last was removed:
by then a virtual machine has given the freed memory back, as it has where a job trained meanwhile.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
from rich import box
from rich.table import Table

from experiments.bench.older_commit import ROOT, files_of
from experiments.bench.step_speed import as_text
from profiles.machines import limits
from rmixer.data.prepare import prepare
from rmixer.errors import RunFailed
from rmixer.files.typed_files import write_json, write_text
from rmixer.hardware.fingerprint import take_fingerprint
from rmixer.models.registry import model_entry
from rmixer.training.process import training_environment

MODELS = "avazu_flen,avazu_widedeep,criteo_dcn2,criteo_difm"
FIGURES = ("build_cpu_s", "build_s", "save_cpu_s", "save_s", "tables_cpu_gbps", "tables_gbps")
DISK_BYTES = 1 << 30
PAUSE_S = 3.0
_BLOCK_BYTES = 1 << 24
_LONGEST_S = 600.0
_CHILD = """
import json, os, resource, sys, time
from dataclasses import replace
from pathlib import Path
model, folder, core, pause_s = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
os.sched_setaffinity(0, {core})
import torch
torch.set_num_threads(1)
from rmixer.models import base
from rmixer.training.trained_job import TrainedJob
from rmixer.workload.workload import job_of

def timed(call):
    used, start_s = resource.getrusage(resource.RUSAGE_SELF).ru_utime, time.perf_counter()
    made = call()
    wall_s = time.perf_counter() - start_s
    return made, resource.getrusage(resource.RUSAGE_SELF).ru_utime - used, wall_s

job, path = replace(job_of(model), batch=min(128, job_of(model).batch)), Path(folder) / "job.pt"
small = TrainedJob(replace(job, rows_cap=1000))
small.save(path)
del small
_, table_cpu_s, table_s = timed(lambda: base._normal(3_125_000, 32, 0.05))
del _
built, build_cpu_s, build_s = timed(lambda: TrainedJob(job))
for _ in range(3):
    built.step.run()
path.unlink()
time.sleep(pause_s)
_, save_cpu_s, save_s = timed(lambda: built.save(path))
loaded = torch.load(path, weights_only=True, mmap=True)
assert all(torch.equal(value, loaded[name]) for name, value in built.step.state_dict().items())
size, parameters = path.stat().st_size, sum(p.nbytes for p in built.step.model.parameters())
path.unlink()
print(json.dumps({"build_cpu_s": build_cpu_s, "build_s": build_s, "save_cpu_s": save_cpu_s,
                  "save_s": save_s, "file_bytes": size, "parameter_bytes": parameters,
                  "tables_cpu_gbps": 0.4 / table_cpu_s, "tables_gbps": 0.4 / table_s}))
"""


@dataclass(frozen=True)
class Timed:
    """The figures of a model in each round: now, the first and the second time, and by the older
    commit, nothing without one."""

    model: str
    parameter_bytes: int = 0
    file_bytes: int = 0
    first: dict[str, list[float]] = field(default_factory=dict)
    second: dict[str, list[float]] = field(default_factory=dict)
    older: dict[str, list[float]] = field(default_factory=dict)

    def now(self, figure: str) -> float:
        """The median."""
        return statistics.median((*self.first[figure], *self.second[figure]))

    def before(self, figure: str) -> float | None:
        """The older commit's median."""
        return statistics.median(self.older[figure]) if self.older else None

    def floor(self, figure: str) -> float:
        """How far the same code differs from itself, as a fraction."""
        medians = [statistics.median(each[figure]) for each in (self.first, self.second)]
        return abs(medians[0] - medians[1]) / max(min(medians), 1e-9)


@click.command()
@click.option("--against", metavar="COMMIT", help="The commit to compare with.")
@click.option("--models", default=MODELS, show_default=True, help="Names, like criteo_dlrm,rm1.")
@click.option("--rounds", type=click.IntRange(2), default=3, show_default=True)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Save on the disk of this folder. Default: the one for temporary files.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write the figures here as JSON, the table as .txt.",
)
def main(
    against: str | None, models: str, rounds: int, folder: Path | None, out: Path | None
) -> None:
    """Build, train and save."""
    names = models.split(",")
    for name in names:
        prepare(model_entry(name).dataset, "synthetic")
    with tempfile.TemporaryDirectory(prefix="rmixer-", dir=folder) as place:
        trees = {"now": ROOT}
        if against:
            trees["older"] = files_of(against, Path(place) / "older")
        timed = _timed(names, trees, Path(place), rounds)
        disk = _disk_gbps(Path(place), rounds)
    text = present(timed, disk, against)
    click.echo(text)
    if out:
        rows = {"models": [asdict(row) for row in timed], "disk_gbps": disk, "against": against}
        fingerprint = take_fingerprint(limits.processor_name())
        write_json(out, {"fingerprint": asdict(fingerprint), **rows})
        write_text(out.with_suffix(".txt"), text + "\n")


def _timed(
    names: Sequence[str], trees: Mapping[str, Path], place: Path, rounds: int
) -> list[Timed]:
    turns = {"first": "now", **({"older": "older"} if "older" in trees else {}), "second": "now"}
    found = {name: Timed(name) for name in names}
    for number in range(rounds):
        click.echo(f"round {number + 1} of {rounds}", err=True)
        for name, row in found.items():
            for turn, tree in turns.items():
                figures = _measured(name, trees[tree], place)
                for figure in FIGURES:
                    getattr(row, turn).setdefault(figure, []).append(figures[figure])
                sizes = {each: int(figures[each]) for each in ("parameter_bytes", "file_bytes")}
            found[name] = Timed(name, **sizes, first=row.first, second=row.second, older=row.older)
    return list(found.values())


def _measured(model: str, tree: Path, place: Path) -> dict[str, float]:
    core = str(limits.usable_cores()[0])
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, model, str(place), core, str(PAUSE_S)],
        cwd=place,
        env={**training_environment(1), "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    if done.returncode:
        raise RunFailed(f"{model} by the code in {tree}: {done.stderr.strip().splitlines()[-1]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _disk_gbps(place: Path, rounds: int) -> dict[str, float]:
    """What ``dd`` writes there in a second, by how it writes: the median of rounds."""
    ways = {"direct": ["oflag=direct"], "cached": []}
    found: dict[str, list[float]] = {way: [] for way in ways}
    target = place / "disk"
    for _ in range(rounds):
        for way, words in ways.items():
            time.sleep(PAUSE_S)
            start_s = time.perf_counter()
            subprocess.run(
                [
                    *("dd", "if=/dev/zero", f"of={target}", f"bs={_BLOCK_BYTES}", "conv=fsync"),
                    *(f"count={DISK_BYTES // _BLOCK_BYTES}", *words),
                ],
                check=True,
                capture_output=True,
                env={**os.environ, "LC_ALL": "C"},
            )
            found[way].append(DISK_BYTES / 1e9 / (time.perf_counter() - start_s))
            target.unlink()
    return {way: statistics.median(each) for way, each in found.items()}


def present(timed: Sequence[Timed], disk: Mapping[str, float], against: str | None) -> str:
    """The table: a row for each model and figure."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    table.add_column("figure", no_wrap=True)
    for name in ("now", "floor", *((against, "times") if against else ())):
        table.add_column(name, justify="right")
    for row in timed:
        for figure in FIGURES:
            now, before = row.now(figure), row.before(figure)
            cells = [row.model, _LABELS[figure], f"{now:.3f}", f"{row.floor(figure):.1%}"]
            if before is not None:
                times = now / before if figure.endswith("gbps") else before / max(now, 1e-9)
                cells += [f"{before:.3f}", f"{times:.1f}"]
            table.add_row(*cells)
        file_gb = row.file_bytes / 1e9
        table.add_row(row.model, "saved GB/s", f"{file_gb / row.now('save_s'):.3f}")
    said = ", ".join(f"{gbps:.2f} {way}" for way, gbps in disk.items())
    return f"{as_text(table, 100)}\nthe disk, dd until written, GB/s: {said}"


_LABELS = {
    "build_cpu_s": "build, CPU s",
    "build_s": "build, s",
    "save_cpu_s": "save, CPU s",
    "save_s": "save, s",
    "tables_cpu_gbps": "tables, GB per CPU s",
    "tables_gbps": "tables, GB/s",
}


if __name__ == "__main__":
    main()
