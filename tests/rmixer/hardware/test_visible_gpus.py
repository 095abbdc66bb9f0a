"""Which GPU a process of a slot sees, by what its parent sees."""

from __future__ import annotations

import pytest

from rmixer.hardware.visible_gpus import named_gpus, sees_only

A, B, MIG = "GPU-8f6d4c1e", "GPU-5a0c77d2", "MIG-0b1f4e52"


@pytest.mark.parametrize(
    ("ours", "gpu", "theirs"),
    [
        (None, 0, "0"),
        (None, 3, "3"),
        ("2,5", 0, "2"),
        ("2, 5", 1, "5"),
        (f"{A},{B}", 1, B),
        (MIG, 0, MIG),
        ("2", 1, ""),
        ("", 0, ""),
        ("1,-1,2", 1, ""),
        ("0,1", None, ""),
        (None, None, ""),
    ],
)
def test_it_sees_its_own_alone(
    ours: str | None, gpu: int | None, theirs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if ours is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ours)
    assert sees_only(gpu) == {"CUDA_VISIBLE_DEVICES": theirs}


def test_names_end_where_cuda_stops_to_read() -> None:
    assert named_gpus({}) is None
    assert named_gpus({"CUDA_VISIBLE_DEVICES": "1,NoDevFiles"}) == ("1", "NoDevFiles")
    assert named_gpus({"CUDA_VISIBLE_DEVICES": "1,-1,2"}) == ("1",)
    assert named_gpus({"CUDA_VISIBLE_DEVICES": ""}) == ()
