"""How many rows a batch can name at most."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rmixer.models.registry import MODELS, model_entry
from rmixer.training.step import TrainingStep
from rmixer.workload.workload import Job


def blank(history: int, samples: int) -> dict[str, Tensor]:
    names = ("history_items", "history_categories", "history_days")
    batch = {name: torch.zeros(samples, history, dtype=torch.long) for name in names}
    for name in ("user", "target_item", "target_category"):
        batch[name] = torch.zeros(samples, dtype=torch.long)
    return batch


def test_a_field_has_no_more_than_its_places_and_its_rows() -> None:
    model = model_entry("amazon_bst").build(500)
    # BST reads history and target of items (500 of 63,001), categories (500 of 801) and days.
    days = min(500, model.config["days"])
    places = 3 * 20 + 3
    expected = {"shared": places + places + min(places, days), "user": 3}
    assert model.most_rows(model.field_places(blank(20, 3))) == expected
    assert model.most_rows(model.field_places(blank(20, 600))) == {
        "shared": 500 + 500 + days,
        "user": 500,
    }


@pytest.mark.parametrize("model", MODELS)
def test_no_batch_names_more(model: str) -> None:
    entry = model_entry(model)
    step = TrainingStep(Job("job", model, 5, 64, entry.optimizer, entry.lr, seed=0, rows_cap=30))
    most = step.model.most_rows(step.model.field_places(step.batches.blank()))
    assert set(most) == set(step.model.tables)
    for _ in range(3):
        for name, ids in step.model.table_ids(step.batches.next_batch()).items():
            assert len(ids.unique()) <= most[name] <= len(step.model.tables[name])
