"""The bars of a schedule, and that every kind of schedule can be drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_runs import job, job_names, packed_run, summary
from matplotlib.figure import Figure

from experiments.figures.gantt import Bar, draw_gantt, gantt_data, training_spans
from experiments.figures.whiskers import Whisker
from rmixer.run_record.timeline import Interval, Timeline


def interval(
    kind: str, start_s: float, end_s: float, *, job: str = "din-0", slot: int = 0, attempt: int = 1
) -> Interval:
    return Interval(
        "r", job, attempt, "x", kind, "cpu:0", slot, "cpu", start_s, end_s - start_s, 0.0
    )


MODELS = {"din-0": "amazon_din", "din-1": "amazon_din"}


def test_stretches_of_one_stage_are_one_bar() -> None:
    timeline = Timeline(
        [
            interval("build", 0.0, 1.0),
            interval("warmup", 1.0, 1.5),
            interval("train", 1.5, 4.0),
            interval("train", 4.0, 6.0),
            interval("save", 6.0, 6.5),
        ]
    )
    data = gantt_data({"measured": timeline}, MODELS)
    row = "cpu:0 slot 0"
    assert data.bars["measured"] == (
        Bar("din-0", "amazon_din", row, "set-up", 0.0, 1.5),
        Bar("din-0", "amazon_din", row, "training", 1.5, 6.0),
        Bar("din-0", "amazon_din", row, "evaluate, save", 6.0, 6.5),
    )
    assert data.makespan_s == {"measured": 6.5}
    of_summary = gantt_data(
        {"measured": timeline}, MODELS, {"measured": summary([], makespan_s=6.6)}
    )
    assert of_summary.makespan_s["measured"] == 6.6


def test_training_around_an_evaluation_is_two_bars() -> None:
    timeline = Timeline(
        [interval("train", 0, 2), interval("evaluate", 2, 3), interval("train", 3, 5)]
    )
    stages = [bar.stage for bar in gantt_data({"r": timeline}, MODELS).bars["r"]]
    assert stages == ["training", "evaluate, save", "training"]


def test_a_job_that_is_evaluated_as_it_trains_is_named_once() -> None:
    timeline = Timeline(
        [
            interval("build", 0, 1),
            interval("train", 1, 3),
            interval("evaluate", 3, 4),
            interval("train", 4, 6),
            interval("build", 7, 8, attempt=2),
            interval("train", 8, 9, attempt=2),
            interval("train", 9, 10, job="din-1"),
        ]
    )
    spans = training_spans(gantt_data({"r": timeline}, MODELS).bars["r"])
    assert [(span.job, span.start_s, span.end_s) for span in spans] == [
        ("din-0", 1.0, 6.0),
        ("din-0", 8.0, 9.0),
        ("din-1", 9.0, 10.0),
    ]


def test_a_second_attempt_is_a_bar_of_its_own() -> None:
    timeline = Timeline([interval("train", 0, 2), interval("train", 3, 5, attempt=2)])
    assert len(gantt_data({"r": timeline}, MODELS).bars["r"]) == 2


def test_time_begins_with_the_first_dispatch() -> None:
    measured = Timeline(
        [interval("startup", 0, 3, job=""), interval("queued", 0, 3), interval("train", 3, 5)]
    )
    predicted = Timeline([interval("train", 0, 2)])
    data = gantt_data({"predicted": predicted, "measured": measured}, MODELS)
    assert data.bars["predicted"] == data.bars["measured"]


def test_rows_are_shared_gpus_first_and_slots_by_number() -> None:
    slots = [Interval("r", "din-0", 1, "x", "train", "gpu:0", 0, "gpu", 0, 1, 0.0)]
    slots += [interval("train", 0, 1, slot=slot) for slot in (10, 2)]
    other = Timeline([interval("train", 0, 1, slot=0)])
    data = gantt_data({"predicted": Timeline(slots), "measured": other}, MODELS)
    assert data.rows == ("gpu:0 slot 0", "cpu:0 slot 0", "cpu:0 slot 2", "cpu:0 slot 10")


@pytest.mark.parametrize(("jobs", "slots"), [(1, 1), (6, 2), (12, 4)])
def test_it_draws_a_panel_a_run(jobs: int, slots: int) -> None:
    names = job_names(jobs)
    timelines = {
        run: packed_run(names, slots, run=run, noise=noise)[1]
        for run, noise in (("predicted", 0.0), ("measured", 0.05))
    }
    data = gantt_data(timelines, {name: name.rpartition("-")[0] for name in names})
    figure = draw_gantt(data)
    assert isinstance(figure, Figure)
    figure.canvas.draw()
    predicted, measured = figure.axes
    assert predicted.get_position().y0 > measured.get_position().y1
    assert predicted.get_xlim() == measured.get_xlim()
    assert len(predicted.patches) == len(data.bars["predicted"]) == 3 * jobs
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0].startswith("predicted: makespan")
    assert "(predicted is off by " in titles[1]


def test_ids_are_written_where_they_fit() -> None:
    timeline = Timeline(
        [
            interval("train", 0.0, 96.0),
            interval("train", 96.0, 99.0, job="din-1"),
            interval("train", 99.0, 100.0, job="din-0", slot=1),
        ]
    )
    figure = draw_gantt(gantt_data({"predicted": timeline}, MODELS))
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["", "1", "din-0"]


def test_an_empty_schedule_draws() -> None:
    figure = draw_gantt(gantt_data({"predicted": Timeline()}, {}))
    figure.canvas.draw()
    assert figure.axes[0].get_title(loc="left") == "predicted: makespan 0.00 s"


def test_whiskers_that_could_not_be_told_apart_are_left_out() -> None:
    """One row: the last job's is on the lower edge, the one before meets it and is on the upper,
    the one before meets both; the first meets none."""
    ends = {"a": (0.5, 1.5), "b": (4.0, 6.0), "c": (5.0, 8.0), "d": (7.0, 10.0)}
    jobs = [
        replace(job(name, end_s=sum(ends[name]) / 2, start_s=0.0), end_interval_s=ends[name])
        for name in ends
    ]
    run = replace(summary(jobs), makespan_interval_s=(7.5, 12.0))
    timeline = Timeline([interval("train", 0, 8.5, job=name) for name in ends])
    data = gantt_data({"predicted": timeline}, dict.fromkeys(ends, "x"), {"predicted": run})
    row = "cpu:0 slot 0"
    assert data.whiskers["predicted"] == (
        Whisker("d", row, 7.0, 10.0, "lower"),
        Whisker("c", row, 5.0, 8.0, "upper"),
        Whisker("b", row, 4.0, 6.0, "lower"),
        Whisker("a", row, 0.5, 1.5, "lower"),
    )
    figure = draw_gantt(data)
    axes = figure.axes[0]
    assert axes.get_xlim()[1] > 12.0
    assert axes.get_title(loc="left") == "predicted: makespan 8.50 s (90%: 7.50 s to 12.0 s)"
    met = replace(run, jobs=tuple(replace(each, end_interval_s=(1.0, 9.0)) for each in jobs))
    crowded = gantt_data({"predicted": timeline}, dict.fromkeys(ends, "x"), {"predicted": met})
    assert [whisker.job for whisker in crowded.whiskers["predicted"]] == ["d", "c"]
