"""The use of resources by the best schedule over time: host cores, GPUs, memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.explaining.resource_use import ResourceUse, Values
from experiments.figures.style import BAD, INK, POINT, fills, keep_grid, look, new_figure
from rmixer.display.quantities import size
from rmixer.hardware.machine import Machine

_GIB = 1 << 30


@dataclass(frozen=True)
class Panel:
    """``layers`` by name are stacked, each a value a stretch; ``limit`` is the amount available,
    and ``note`` says how much is used."""

    title: str
    unit: str
    layers: dict[str, Values]
    limit: float
    note: str


@dataclass(frozen=True)
class UseOverTime:
    """Panels of one schedule over the stretches between ``edges_s``."""

    edges_s: Values
    panels: tuple[Panel, ...]


def use_data(use: ResourceUse, machine: Machine) -> UseOverTime:
    """Panels for the used resources among the host's cores, all GPUs together, the memory of all
    GPUs together, and that of the host."""
    cores = len(machine.cores)
    mean = use.mean(use.cores)
    cores_note = f"{mean:.1f} of {cores} cores in the mean ({mean / cores:.0%})"
    panels = [Panel("host cores held", "cores", {"": use.cores}, float(cores), cores_note)]
    if use.gpus:
        means = [use.mean(values) for values in use.gpus.values()]
        note = f"{np.mean(means):.0%} in the mean"
        if len(means) > 1:
            note += f", {min(means):.0%} to {max(means):.0%}"
        count = float(len(machine.gpus))
        panels.append(Panel("GPUs busy", "GPUs", dict(use.gpus), count, note))
    for kind, title in (("gpu", "memory of GPUs"), ("cpu", "memory of the host")):
        devices = [each for each in machine.devices if each.kind == kind]
        held = {d.name: use.memory_bytes[d.name] for d in devices if d.name in use.memory_bytes}
        if held:
            has = sum(each.memory_bytes for each in devices)
            most = float(np.sum(list(held.values()), axis=0).max(initial=0.0))
            layers = {name: values / _GIB for name, values in held.items()}
            note = f"at most {size(most)}" + (f" of {size(has)}" if has < 1 << 50 else "")
            panels.append(Panel(title, "GiB", layers, has / _GIB, note))
    return UseOverTime(use.edges_s, tuple(panels))


def draw_use(data: UseOverTime, title: str = "Use over time") -> Figure:
    """Draws a panel a resource on one time axis. A dashed line is the amount available, if it is
    less than five times the use."""
    devices = list(dict.fromkeys(name for panel in data.panels for name in panel.layers if name))
    colours = {name: fill.colour for name, fill in fills(["", *devices]).items()}
    count = max(1, len(data.panels))
    with look():
        figure = new_figure(10.0, 0.9 + 1.25 * count, title)
        for axes, panel in zip(
            figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0], data.panels, strict=False
        ):
            _draw_panel(axes, panel, data.edges_s, colours)
            axes.set_xlim(0, float(data.edges_s[-1]) if len(data.edges_s) else 1.0)
        figure.axes[-1].set_xlabel("seconds from the first dispatch")
        # The devices, if there are several of a kind.
        gpus = [name for name in devices if "gpu" in name]
        handles: list[Artist] = [
            Patch(facecolor=colours[name], alpha=0.75, label=name) for name in gpus if len(gpus) > 1
        ]
        handles.append(Line2D([], [], color=BAD, linestyle=(0, (4, 2)), label="what there is"))
        figure.legend(handles=handles, loc="upper right", ncols=6)
    return figure


def _draw_panel(
    axes: Axes, panel: Panel, edges_s: Values, colours: dict[str, tuple[float, float, float]]
) -> None:
    below: Values = np.zeros(max(0, len(edges_s) - 1))
    for name, values in panel.layers.items() if len(edges_s) else ():
        above = below + values
        axes.stairs(above, edges_s, baseline=below, fill=True, color=colours[name], alpha=0.75)
        below = above
    most = float(below.max(initial=0.0))
    near = panel.limit <= 5 * most
    top = 1.15 * max(panel.limit if near else 0.0, most) or 1.0
    axes.set_ylim(0, top)
    if near:
        axes.axhline(panel.limit, color=BAD, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.set_title(panel.title)
    axes.set_title(panel.note, loc="right", fontsize=POINT, fontweight="normal", color=INK)
    axes.set_ylabel(panel.unit)
    keep_grid(axes, "y")
