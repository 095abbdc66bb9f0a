"""Draws queues in which one kind of demand dominates, from the profiles of a machine.

``python -m experiments.tools.draw_workloads [--machine NAME] [--seed 0] [--out FOLDER]`` writes
``computing_24``, ``memory_24``, ``bandwidth_24`` and the ``_72`` of these and of ``balance_24``.
Two thirds of a queue come from the third of RMixer's models that are highest in one respect, one
third from the others, each draw with replacement. Each file names its source.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
import numpy as np

from experiments.bench.findings import RMIXER
from profiles.stored.store import Store
from rmixer.files.typed_files import write_text
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.models.registry import MODELS
from rmixer.workload.workload import job_of
from rmixer.workload.workload_file import read_workload

STEPS = 500
FOLDER = Path(__file__).resolve().parents[1] / "workloads"
RESPECTS: Mapping[str, tuple[str, Callable[[ModelProfile], float]]] = {
    "computing": ("GFLOP/s", lambda p: (p.flops or 0) / p.steps[0].mean_us / 1e3),
    "memory": ("peak GB", lambda p: p.memory[0].peak_bytes / 1e9),
    "bandwidth": ("GB/s", lambda p: p.bandwidth_gbps or 0.0),
}


@click.command()
@click.option("--machine", help="A known machine, or its folder. Default: this one.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=FOLDER, help="A folder.")
def main(machine: str | None, seed: int, out: Path) -> None:
    """Draws and writes."""
    store = Store()
    known = store.machine(machine) if machine else store.this_machine()
    jobs = [job_of(entry.name) for entry in MODELS.values() if entry.name.startswith(RMIXER)]
    profiles, missing = store.load(jobs, known)
    if missing:
        names = " ".join(job.model for job in missing)
        raise click.UsageError(f"machine {known.name}: no profile of {names}: `rmixer profile run`")
    by_model = {profile.identity.model: profile for profile in profiles.values()}
    balanced = [job.model for job in read_workload(FOLDER / "balance_24.yaml").jobs]
    for respect, (unit, measure) in RESPECTS.items():
        figures = {model: measure(profile) for model, profile in by_model.items()}
        for count in (24, 72):
            name = f"{respect}_{count}"
            drawn = draw(figures, count, np.random.default_rng([seed, count, *name.encode()]))
            note = f"of {known.name}, by {unit}: {_listed(figures)}; seed {seed}"
            text = written(name, seed, drawn, f"Drawn from profiles {note}")
            write_text(out / f"{name}.yaml", text)
    order = np.random.default_rng([seed, 72]).permutation(balanced * 3)
    note = f"Each of balance_24 three times, in an order drawn with seed {seed}"
    write_text(out / "balance_72.yaml", written("balance_72", seed, list(map(str, order)), note))


def draw(figures: Mapping[str, float], count: int, generator: np.random.Generator) -> list[str]:
    """Draws ``count`` models in random order: two thirds from the highest third of ``figures``."""
    ranked = sorted(figures, key=lambda model: (-figures[model], model))
    highest, rest = ranked[: len(ranked) // 3], ranked[len(ranked) // 3 :]
    many = generator.choice(highest, 2 * count // 3)
    few = generator.choice(rest, count - 2 * count // 3)
    return [str(model) for model in generator.permutation(np.concatenate([many, few]))]


def written(name: str, seed: int, models: Sequence[str], note: str) -> str:
    """The text of the workload file."""
    lines = [f"# {part}" for part in textwrap.wrap(note + ".", 90)]
    jobs = [f"  - {{model: {model}, steps: {STEPS}}}" for model in models]
    return "\n".join([*lines, f"name: {name}", f"seed: {seed}", "jobs:", *jobs, ""])


def _listed(figures: Mapping[str, float]) -> str:
    ranked = sorted(figures.items(), key=lambda item: -item[1])
    return ", ".join(f"{model} {value:.3g}" for model, value in ranked)


if __name__ == "__main__":
    main()
