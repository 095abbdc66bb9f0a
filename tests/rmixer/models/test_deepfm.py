"""DeepFM against its formula, with the second order as an explicit double loop."""

from __future__ import annotations

import numpy as np
import torch

from rmixer.models.deepfm import DeepFM

CONFIG = {"dense": 3, "fields": 4, "rows": 50, "embedding_dim": 2, "mlp": (5, 1)}


def test_logits_are_the_papers() -> None:
    torch.manual_seed(1)
    model = DeepFM(CONFIG)
    for parameter in model.parameters():
        parameter.data.normal_()
    batch = {"dense": torch.randn(7, 3), "ids": torch.randint(0, 50, (7, 4))}
    _, rows = model.gather(batch)
    logits = model(batch, rows).detach().numpy()

    weights = model.tables["shared_first_order"].numpy()[:, 0]
    vectors = model.tables["shared"].numpy()
    for sample in range(7):
        ids, x = batch["ids"][sample].numpy(), batch["dense"][sample].numpy()
        features = [(weights[i], vectors[i], 1.0) for i in ids]
        for value, weight, vector in zip(
            x,
            model.dense_weights.detach().numpy(),
            model.dense_vectors.detach().numpy(),
            strict=True,
        ):
            features.append((weight, vector, value))
        expected = model.bias.item() + sum(w * value for w, _, value in features)
        for i in range(len(features)):
            for j in range(i + 1, len(features)):
                dot = float(features[i][1] @ features[j][1])
                expected += dot * features[i][2] * features[j][2]
        flat = torch.tensor(np.concatenate([v * value for _, v, value in features]))
        expected += model.deep(flat.float()).item()
        np.testing.assert_allclose(logits[sample], expected, rtol=1e-4, atol=1e-4)
