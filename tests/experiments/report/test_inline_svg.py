"""A figure inside a page: its colours are the page's, its names its own, its text text."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from fake_runs import packed_run

from experiments.figures.gantt import draw_gantt, gantt_data
from experiments.figures.style import INK, look, new_figure, write_on
from experiments.report.inline_svg import inline_svg

JOBS = ("criteo_dlrm-0", "a<b>&-0")


@pytest.fixture(scope="module")
def schedule() -> ET.Element:
    """The schedule of two jobs, as XML: whatever is not escaped is no XML."""
    summary, timeline = packed_run(JOBS, 1, run="predicted")
    models = {job: job.rpartition("-")[0] for job in JOBS}
    data = gantt_data({"predicted": timeline}, models, {"predicted": summary})
    return ET.fromstring(inline_svg(draw_gantt(data), "f1", "a <schedule>"))


def test_it_is_named_for_those_who_cannot_see_it(schedule: ET.Element) -> None:
    assert schedule.get("aria-label") == "a <schedule>"
    assert schedule.get("role") == "img"


def test_it_has_no_name_space_no_maker_and_no_style_for_the_page(schedule: ET.Element) -> None:
    tags = {element.tag for element in schedule.iter()}
    assert not {tag for tag in tags if "{" in tag}
    assert not tags & {"metadata", "style"}


def test_its_names_begin_with_its_own_and_all_are_used(schedule: ET.Element) -> None:
    text = ET.tostring(schedule, encoding="unicode")
    names = [element.get("id") for element in schedule.iter() if element.get("id")]
    assert names
    for name in names:
        assert name is not None
        assert name.startswith("f1-")
        assert f"#{name}" in text


def test_its_ink_is_the_pages_and_its_text_is_text(schedule: ET.Element) -> None:
    text = ET.tostring(schedule, encoding="unicode")
    assert INK not in text
    assert "var(--ink)" in text
    assert "var(--paper)" in text
    words = {element.text for element in schedule.iter("text")}
    assert "seconds from the first dispatch" in words
    assert set(JOBS) <= words


def test_a_bar_says_what_it_is(schedule: ET.Element) -> None:
    titles = [element.text or "" for element in schedule.iter("title")]
    assert "criteo_dlrm-0 (criteo_dlrm), training: 0.80 to 6.80 s" in titles
    assert len(titles) == 6, "two jobs of three stages"


def test_text_on_a_mark_keeps_its_colour_and_its_rim() -> None:
    with look():
        figure = new_figure(2, 2)
        write_on(figure.subplots(), 0.5, 0.5, "dark", (1.0, 1.0, 0.0), 8)
    root = ET.fromstring(inline_svg(figure, "f2", "x"))
    (style,) = [each.get("style", "") for each in root.iter("text") if each.text == "dark"]
    assert f"fill: {INK}" in style
    assert "paint-order: stroke; stroke: #ffff00; stroke-width: 2.5px" in style


def test_the_same_figure_gives_the_same_bytes() -> None:
    def drawn() -> str:
        summary, timeline = packed_run(JOBS, 1, run="predicted")
        models = dict.fromkeys(JOBS, "m")
        data = gantt_data({"predicted": timeline}, models, {"predicted": summary})
        return inline_svg(draw_gantt(data), "f1", "x")

    assert drawn() == drawn()
