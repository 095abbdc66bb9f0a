"""The predicted schedule above the measured one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.figures.style import (
    INK,
    SAYS,
    Fill,
    fills,
    look,
    name_rows,
    new_figure,
    text_width_in,
    tint,
    write_on,
)
from experiments.figures.whiskers import EDGES, Whisker, draw_whisker, whiskers
from rmixer.display.quantities import seconds_range, with_range
from rmixer.run_record.run_summary import Range, RunSummary
from rmixer.run_record.timeline import Timeline

STAGES = {
    "set-up": ("build", "input", "warmup"),
    "training": ("train",),
    "evaluate, save": ("checkpoint", "evaluate", "save"),
}
_TINTS = {"set-up": 0.62, "training": 0.0, "evaluate, save": -0.45}
_STAGE_OF = {kind: stage for stage, kinds in STAGES.items() for kind in kinds}
_WIDTH_IN, _LABEL_PT = 10.0, 7.5
_WHISKER = "90% interval of an end, if there is room"


@dataclass(frozen=True)
class Bar:
    """One stretch of one job in one stage, in seconds from the run's first dispatch."""

    job: str
    model: str
    row: str
    stage: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Gantt:
    """``rows`` from top to bottom are shared by all runs; all else is by run: ``bars``,
    ``makespan_s`` and, for a prediction with intervals, the ``whiskers`` of its jobs and the
    interval of its makespan. Makespans are compared if the runs did the ``same_work``."""

    rows: tuple[str, ...]
    models: tuple[str, ...]
    bars: dict[str, tuple[Bar, ...]]
    makespan_s: dict[str, float]
    whiskers: dict[str, tuple[Whisker, ...]]
    makespan_interval_s: dict[str, Range | None]
    same_work: bool = True


def gantt_data(
    timelines: Mapping[str, Timeline],
    models: Mapping[str, str],
    summaries: Mapping[str, RunSummary] | None = None,
) -> Gantt:
    """Bars of every run; neighbouring intervals of one job, attempt, slot and stage are one bar.

    ``models`` has each job's model. Waiting and the workers' start-up have no bar: time zero is the
    first interval of another kind, so that predicted and measured begin together. The makespan is
    that of the run's summary; without one it is the end of the last bar.
    """
    known = summaries or {}
    bars = {run: tuple(_bars(timeline, models)) for run, timeline in timelines.items()}
    every = [bar for run in bars.values() for bar in run]
    return Gantt(
        rows=tuple(sorted({bar.row for bar in every}, key=_row_order)),
        models=tuple(dict.fromkeys(models[job] for job in models)),
        bars=bars,
        makespan_s={
            run: (
                known[run].makespan_s
                if run in known
                else max((bar.end_s for bar in own), default=0.0)
            )
            for run, own in bars.items()
        },
        whiskers={run: whiskers(known[run]) if run in known else () for run in bars},
        makespan_interval_s={
            run: known[run].makespan_interval_s if run in known else None for run in bars
        },
        same_work=_same_work(list(known.values())),
    )


def _same_work(summaries: Sequence[RunSummary]) -> bool:
    """True if all jobs are done in every run with the same steps. Only then do makespans show the
    quality of a prediction."""
    made = [{job.id: job.steps for job in run.jobs} for run in summaries]
    done = all(job.state == "done" for run in summaries for job in run.jobs)
    return done and all(each == made[0] for each in made)


def _bars(timeline: Timeline, models: Mapping[str, str]) -> list[Bar]:
    shown = [interval for interval in timeline if interval.kind in _STAGE_OF]
    zero_s = min((interval.start_s for interval in shown), default=0.0)
    bars: list[Bar] = []
    last: dict[tuple[str, str, int], int] = {}
    for interval in shown:
        row = f"{interval.device} slot {interval.slot}"
        start_s, end_s = interval.start_s - zero_s, interval.end_s - zero_s
        stage = _STAGE_OF[interval.kind]
        key = (interval.job, row, interval.attempt)
        before = last.get(key)
        if before is not None and bars[before].stage == stage:
            bars[before] = replace(bars[before], end_s=end_s)
            continue
        last[key] = len(bars)
        bars.append(Bar(interval.job, models[interval.job], row, stage, start_s, end_s))
    return bars


def _row_order(row: str) -> tuple[bool, str, int]:
    device, _, slot = row.partition(" slot ")
    return (not device.rpartition("/")[2].startswith("gpu"), device, int(slot))


def draw_gantt(data: Gantt, title: str = "Schedule") -> Figure:
    """Draws one panel a run, on one time axis; a bar a job and stage, coloured by model, with the
    job's id in it if there is room (else its number)."""
    colours = fills(data.models)
    panels = max(1, len(data.bars))
    row_in = 0.3 if len(data.rows) > 4 else 0.42
    height_in = 1.1 + panels * (0.62 + row_in * max(1, len(data.rows)))
    ranges_s = [found for found in data.makespan_interval_s.values() if found]
    latest = (*data.makespan_s.values(), *(high_s for _, high_s in ranges_s))
    span_s = max(latest, default=0.0) or 1.0
    with look():
        figure = new_figure(_WIDTH_IN, height_in, title)
        grid = figure.subplots(panels, 1, sharex=True, squeeze=False)
        for axes, (run, bars) in zip(grid[:, 0], data.bars.items(), strict=False):
            _draw_run(axes, run, bars, data, colours, span_s)
        grid[-1, 0].set_xlabel("seconds from the first dispatch")
        models = [
            Patch(facecolor=fill.colour, hatch=fill.hatch, edgecolor="white", label=model)
            for model, fill in colours.items()
        ]
        columns = min(6, max(1, len(models)))
        figure.legend(handles=models, loc="outside lower left", ncols=columns, handlelength=1.4)
        grey = (0.5, 0.5, 0.5)
        marks: list[Artist] = [
            Patch(facecolor=tint(grey, _TINTS[stage]), label=stage) for stage in STAGES
        ]
        if ranges_s:
            marks.append(Line2D([], [], color=INK, marker="|", linewidth=1.0, label=_WHISKER))
        figure.legend(handles=marks, loc="upper right", ncols=4, handlelength=1.4)
    return figure


def _draw_run(
    axes: Axes,
    run: str,
    bars: Sequence[Bar],
    data: Gantt,
    colours: Mapping[str, Fill],
    span_s: float,
) -> None:
    place = {row: index for index, row in enumerate(data.rows)}
    for bar in bars:
        fill, when = colours[bar.model], seconds_range((bar.start_s, bar.end_s))
        axes.barh(
            place[bar.row],
            bar.end_s - bar.start_s,
            left=bar.start_s,
            height=0.74,
            color=tint(fill.colour, _TINTS[bar.stage]),
            hatch=fill.hatch,
            edgecolor="white",
            linewidth=0.5,
            gid=f"{SAYS}{bar.job} ({bar.model}), {bar.stage}: {when}",
        )
    for span in training_spans(bars):
        label = _fitting(span.job, (span.end_s - span.start_s) / span_s * 0.83 * _WIDTH_IN)
        middle_s, colour = (span.start_s + span.end_s) / 2, colours[span.model].colour
        write_on(axes, middle_s, place[span.row], label, colour, _LABEL_PT)
    end_s = data.makespan_s[run]
    axes.axvline(end_s, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
    for whisker in data.whiskers[run]:
        y = place[whisker.row] + EDGES[whisker.edge]
        draw_whisker(axes, whisker.low_s, whisker.high_s, y)
    if (range_s := data.makespan_interval_s[run]) is not None:
        draw_whisker(axes, *range_s, -0.47)
    makespan = with_range(end_s, data.makespan_interval_s[run])
    axes.set_title(f"{run}: makespan {makespan}{_difference(run, data)}")
    name_rows(axes, data.rows)
    axes.set_xlim(0, span_s * 1.02)
    axes.tick_params(axis="x", labelbottom=True)


def training_spans(bars: Sequence[Bar]) -> list[Bar]:
    """The time from the first training step of each job to the last, in each slot. Evaluations and
    saves between are part of it; a second attempt with its set-up is another span."""
    spans: list[Bar] = []
    last: dict[str, int] = {}
    for bar in bars:
        if bar.stage == "set-up":
            last.pop(bar.row, None)
        if bar.stage != "training":
            continue
        before = last.get(bar.row)
        if before is not None and spans[before].job == bar.job:
            spans[before] = replace(spans[before], end_s=bar.end_s)
            continue
        last[bar.row] = len(spans)
        spans.append(bar)
    return spans


def _fitting(job: str, room_in: float) -> str:
    """The job's id, or its number within its model, or nothing: the longest that fits."""
    for text in (job, job.rpartition("-")[2]):
        if text_width_in(text, _LABEL_PT) + 0.05 <= room_in:
            return text
    return ""


def _difference(run: str, data: Gantt) -> str:
    """The relative difference of the first panel's makespan, for the title of every other."""
    first, first_s = next(iter(data.makespan_s.items()))
    if run == first or data.makespan_s[run] <= 0 or not data.same_work:
        return ""
    error = f"{(first_s - data.makespan_s[run]) / data.makespan_s[run]:+.1%}".replace("-", "−")
    return f" ({first} is off by {error})"
