"""One style for every figure: seaborn's white grid, colours for the colour-blind, no display.

Figures are made without pyplot, so nothing here can open a window or leave global state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

INK, FAINT, GOOD, BAD = "#2b2b2b", "#8a8a8a", "#0173b2", "#d55e00"
POINT = 8.5
SAYS = "says "
"""Begins the ``gid`` of a mark; the rest is the text shown when one points at it."""
_HATCHES = ("", "///", "...", "xxx")
_RC: Any = {
    "font.size": POINT,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": POINT,
    "axes.edgecolor": "#bbbbbb",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.7,
    "xtick.labelsize": POINT,
    "ytick.labelsize": POINT,
    "legend.fontsize": POINT,
    "legend.title_fontsize": POINT,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
}


@dataclass(frozen=True)
class Fill:
    """The colour of a group, and a hatch if there are more groups than colours."""

    colour: tuple[float, float, float]
    hatch: str


@contextmanager
def look() -> Iterator[None]:
    """New axes in this block have the project's style."""
    with sns.axes_style("whitegrid"), mpl.rc_context(_RC):
        yield


def new_figure(width_in: float, height_in: float, title: str = "") -> Figure:
    """An empty figure whose parts are kept from overlapping, below its ``title``."""
    figure = Figure(figsize=(width_in, height_in), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def fills(groups: Iterable[str]) -> dict[str, Fill]:
    """A fill for each group: seaborn's colour-blind palette in order, then again with hatches."""
    # Grey and yellow are left out: grey is for marks, yellow is too light for text on it.
    palette = [sns.color_palette("colorblind")[i] for i in (0, 1, 2, 3, 4, 5, 6, 9)]
    return {
        group: Fill(palette[i % len(palette)], _HATCHES[i // len(palette) % len(_HATCHES)])
        for i, group in enumerate(groups)
    }


def tint(colour: tuple[float, float, float], amount: float) -> tuple[float, float, float]:
    """``colour`` mixed with white by ``amount``, or with black if it is negative."""
    target = 1.0 if amount > 0 else 0.0
    red, green, blue = (c + (target - c) * abs(amount) for c in colour)
    return red, green, blue


@cache
def text_width_in(text: str, size_pt: float = POINT) -> float:
    """The width of a line of text in inches, before anything is drawn."""
    font = FontProperties(size=size_pt)
    width_pt, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width_pt) / 72 if text else 0.0


def write_on(
    axes: Axes, x: float, y: float, text: str, colour: tuple[float, float, float], size_pt: float
) -> None:
    """Centres ``text`` on a mark of ``colour``: white or dark, whichever is easier to read, with a
    rim of the mark's colour that keeps hatches away from the letters."""
    red, green, blue = colour
    bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.6
    axes.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        color=INK if bright else "white",
        fontsize=size_pt,
        fontweight="bold",
        clip_on=True,
        path_effects=[withStroke(linewidth=2.5, foreground=colour)],
    )


def keep_grid(axes: Axes, along: str) -> None:
    """Grid lines for one axis (``x`` or ``y``) only, behind the marks."""
    axes.grid(visible=False, axis="both")
    axes.grid(visible=True, axis=along)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows of horizontal marks, the first on top, with grid lines for the other axis."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    keep_grid(axes, "x")


def log_axis(axes: Axes, which: Literal["x", "y"], values: Sequence[float]) -> bool:
    """Makes an axis that shows ``values`` logarithmic, with round numbers; returns False and
    changes nothing if a value is not above 0."""
    least, most = min(values, default=0.0), max(values, default=0.0)
    if least <= 0:
        return False
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    subs = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if most / least < 12 else (1, 2, 5)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())
    axis.set_tick_params(which="minor", length=0)
    return True
