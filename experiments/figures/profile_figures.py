"""The figures of a profile: the parts of its steps at every batch size, and the machine's
limits."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from experiments.figures import save_all
from experiments.figures.batch_breakdown import batch_breakdown_data, draw_batch_breakdown
from experiments.figures.roofline import draw_rooflines
from experiments.operators.roofline import rooflines
from rmixer.errors import RunFailed
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile


def draw_profile(
    profile: ModelProfile, others: Iterable[ModelProfile], machine: Machine, folder: Path
) -> list[Path]:
    """Draws ``breakdown.png`` (of ``profile`` and ``others``, which differ from it only in their
    batch) and ``roofline.png`` into ``folder``; raises :class:`RunFailed` on an error."""
    label = f"{profile.identity.label} on {profile.machine}"
    panels = batch_breakdown_data([profile, *others])
    lanes = rooflines(profile, machine)
    failures = save_all(
        {
            "breakdown": lambda: draw_batch_breakdown(panels, f"Where a step of {label} goes"),
            "roofline": lambda: draw_rooflines(
                lanes, f"Operators of {label}, batch {profile.identity.batch}"
            ),
        },
        folder,
    )
    if failures:
        raise RunFailed("; ".join(failures))
    return [folder / "breakdown.png", folder / "roofline.png"]
