"""Bags against sums written out."""

from __future__ import annotations

import torch

from rmixer.models.bags import Bags


def test_a_bag_is_the_sum_of_its_rows() -> None:
    table = torch.randn(30, 3)
    ids = torch.randint(0, 30, (4, 6))
    pooled = Bags((2, 1, 3), (10, 10, 10)).pooled(table, ids.flatten())
    assert pooled.shape == (12, 3)
    for sample in range(4):
        first, second, third = ids[sample, :2], ids[sample, 2:3], ids[sample, 3:]
        for field, places in enumerate((first, second, third)):
            expected = sum(table[int(place)] for place in places)
            torch.testing.assert_close(pooled[3 * sample + field], expected)
