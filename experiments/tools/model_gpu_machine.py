"""Makes the modelled GPU machine from the profiles of a measured CPU machine.

``python -m experiments.tools.model_gpu_machine [--machine NAME] [--cores 16] [--without MODEL]
[--out FOLDER]`` writes ``machine.yaml`` and a profile for each of that machine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from profiles.memory.gpu_memory_prediction import PredictedGpuMemory, predict_gpu_memory
from profiles.memory.known_gpu import KnownGpu
from profiles.profiler.modelled_gpu import ModelledGpu, modelled_machine, modelled_profile
from profiles.stored.store import RECORDED, Store
from rmixer.errors import choice
from rmixer.hardware.machine import write_machine
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.model_profile.profile_files import write_profile
from rmixer.models.registry import MODELS
from rmixer.workload.workload import job_with


@click.command()
@click.option("--machine", help="A known machine, or its folder. Default: this one.")
@click.option("--cores", type=click.IntRange(1), default=16, show_default=True)
@click.option("--without", multiple=True, metavar="MODEL", help="Leave its profiles out.")
@click.option("--out", type=click.Path(path_type=Path), default=RECORDED, help="A folder.")
def main(machine: str | None, cores: int, without: tuple[str, ...], out: Path) -> None:
    """Make and write."""
    store = Store()
    measured = store.machine(machine) if machine else store.this_machine()
    gpu = ModelledGpu()
    made = modelled_machine(measured, f"modelled-gpu-{cores}c", cores, gpu)
    write_machine(out / made.name / "machine.yaml", made)
    known = store.profiles(measured.name)
    check_models(without, known)
    profiles = [profile for profile in known if profile.identity.model not in without]
    for profile in profiles:
        modelled = modelled_profile(profile, made, gpu, predicted_memory(profile, gpu))
        write_profile(out / made.name / modelled.key, modelled)
    click.echo(f"{len(profiles)} modelled profiles of {made.name} under {out}")


def predicted_memory(profile: ModelProfile, gpu: ModelledGpu) -> PredictedGpuMemory | None:
    """Of the step of ``profile`` on ``gpu``; None where it cannot be predicted: a model outside of
    the registry, mixed precision."""
    identity = profile.identity
    if identity.model not in MODELS or identity.precision != "fp32":
        return None
    of_gpu = KnownGpu(gpu.name, gpu.context_bytes, gpu.multiprocessors, gpu.memory_bytes)
    return predict_gpu_memory(job_with(identity), of_gpu)


def check_models(without: Sequence[str], known: Sequence[ModelProfile]) -> None:
    """Raise :class:`click.UsageError` for a name in ``without`` of which nothing is ``known``."""
    models = {profile.identity.model for profile in known}
    for name in without:
        if name not in models:
            raise click.UsageError(f"--without: found {name!r}; allowed: {choice(name, models)}")


if __name__ == "__main__":
    main()
