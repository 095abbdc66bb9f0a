"""A job on the GPU of a worker: what torch is told before and after. The GPU's part is faked."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rmixer.errors import RunFailed
from rmixer.training import train_on_gpu as module
from rmixer.training.train_on_gpu import check_gpu, train_on_gpu

TOTAL = 1000


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What torch and the job are told, in order, on a GPU of 1000 bytes."""
    told: list[Any] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (700, TOTAL))
    monkeypatch.setattr(module.gc, "collect", lambda: told.append(("collect",)))
    for name in ("empty_cache", "reset_peak_memory_stats", "set_per_process_memory_fraction"):
        monkeypatch.setattr(torch.cuda, name, lambda *given, name=name: told.append((name, *given)))

    def train_job(channel: Any, **order: Any) -> dict[str, Any]:
        told.append(("train", order))
        return {"gpu_bytes": 5}

    monkeypatch.setattr(module, "train_job", train_job)
    return told


@pytest.mark.parametrize(("most", "share"), [(250, 0.25), (5000, 1.0), (0, 1.0)])
def test_torch_may_take_what_was_promised(told: list[Any], most: int, share: float) -> None:
    channel: Any = None
    assert train_on_gpu(channel, most, cores=(3,)) == {"gpu_bytes": 5}
    assert told == [
        ("collect",),
        ("empty_cache",),
        ("reset_peak_memory_stats", "cuda"),
        ("set_per_process_memory_fraction", share, "cuda"),
        ("train", {"device": "cuda", "cores": (3,)}),
        ("collect",),
        ("empty_cache",),
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(("visible", "said"), [(None, "is not set"), ("3", "is '3'")])
def test_without_a_gpu_it_says_so_in_a_line(
    visible: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(RunFailed) as raised:
        check_gpu()
    text = str(raised.value)
    assert text.startswith(
        f"a worker is to train on a GPU and finds none: torch {torch.__version__}"
    )
    assert text.endswith(f"CUDA_VISIBLE_DEVICES {said}")
    assert "\n" not in text
