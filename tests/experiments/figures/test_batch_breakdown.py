"""How kinds of operators share a step by batch size: the panels, their bars, and drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_runs import profile

from experiments.figures.batch_breakdown import batch_breakdown_data, draw_batch_breakdown
from rmixer.model_profile.model_profile import ModelProfile


def at_batch(batch: int, threads: tuple[int, ...] = (1, 2)) -> ModelProfile:
    """Of a model whose matrix products grow with the batch, and nothing else."""
    known = profile(threads=threads)
    costs = tuple(
        replace(cost, mean_us=cost.mean_us * batch / 256) if cost.flops > 1e6 else cost
        for cost in known.operators
    )
    return replace(known, identity=replace(known.identity, batch=batch), operators=costs)


def test_a_panel_a_lane_and_a_bar_a_batch_the_smallest_first() -> None:
    panels = batch_breakdown_data([at_batch(1024), at_batch(64), at_batch(256, threads=(1,))])
    assert [panel.label for panel in panels] == ["1 thread", "2 threads"]
    assert [[bar.batch for bar in panel.bars] for panel in panels] == [[64, 256, 1024], [64, 1024]]
    for panel in panels:
        products = [bar.by_class["matrix products"] for bar in panel.bars]
        assert products == sorted(products)
        for bar in panel.bars:
            assert sum(bar.by_class.values()) == pytest.approx(1.0)


def test_a_gpu_has_panels_of_its_own() -> None:
    known = at_batch(64)
    on_gpu = tuple(replace(cost, lane="gpu") for cost in known.operators if cost.threads == 1)
    panels = batch_breakdown_data([replace(known, operators=(*known.operators, *on_gpu))])
    assert [panel.label for panel in panels] == ["1 thread", "2 threads", "gpu, 1 thread"]


@pytest.mark.parametrize("batches", [(64,), (16, 64, 256, 1024, 4096), ()])
def test_it_draws_a_panel_each(batches: tuple[int, ...]) -> None:
    panels = batch_breakdown_data(at_batch(batch) for batch in batches)
    figure = draw_batch_breakdown(panels, "Where a step goes")
    figure.canvas.draw()
    shown = [axes for axes in figure.axes if axes.get_visible() and axes.has_data()]
    assert len(shown) == len(panels)
    for axes in shown:
        assert [tick.get_text() for tick in axes.get_xticklabels()] == [str(b) for b in batches]
