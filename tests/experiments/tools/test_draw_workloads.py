"""Queues drawn from made-up figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from experiments.tools.draw_workloads import draw, written
from rmixer.workload.workload_file import read_workload

MODELS = (
    "criteo_dlrm",
    "criteo_dcn",
    "criteo_flen",
    "amazon_din",
    "amazon_bst",
    "avazu_flen",
)
FIGURES = {model: float(place) for place, model in enumerate(MODELS)}


@pytest.mark.parametrize("count", [24, 72])
def test_two_thirds_are_of_the_highest_third(count: int) -> None:
    drawn = draw(FIGURES, count, np.random.default_rng(0))
    assert len(drawn) == count
    highest = [model for model in drawn if model in ("amazon_bst", "avazu_flen")]
    assert len(highest) == 2 * count // 3
    assert set(drawn) <= set(MODELS)
    assert drawn == draw(FIGURES, count, np.random.default_rng(0))
    assert drawn != draw(FIGURES, count, np.random.default_rng(1))


def test_what_is_written_is_a_workload(tmp_path: Path) -> None:
    path = tmp_path / "computing_24.yaml"
    drawn = draw(FIGURES, 24, np.random.default_rng(0))
    path.write_text(written("computing_24", 7, drawn, "Drawn " + "from some profiles " * 20))
    workload = read_workload(path)
    assert (workload.name, workload.seed) == ("computing_24", 7)
    assert [job.model for job in workload.jobs] == drawn
    assert {job.steps for job in workload.jobs} == {500}
