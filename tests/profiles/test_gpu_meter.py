"""What the NVIDIA driver says, by a management library that answers as told."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from profiles import gpu_meter
from profiles.gpu_meter import GpuMeter, driver_version


class Library:
    """One GPU of which 3000 bytes are in use; a call that fails answers other than 0."""

    def __init__(self, starts: bool = True) -> None:
        self._starts, self.is_open = starts, False

    def nvmlInit_v2(self) -> int:  # noqa: N802
        self.is_open = self._starts
        return int(not self._starts)

    def nvmlShutdown(self) -> int:  # noqa: N802
        self.is_open = False
        return 0

    def nvmlSystemGetDriverVersion(self, text: Any, size: ctypes.c_uint) -> int:  # noqa: N802
        assert size.value > len(b"580.65.06")
        text.value = b"580.65.06"
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: ctypes.c_uint, device: object) -> int:  # noqa: N802
        return int(index.value != 0)

    def nvmlDeviceGetMemoryInfo(self, device: object, memory: Any) -> int:  # noqa: N802
        memory._obj.used = 3000
        return 0


def given(monkeypatch: pytest.MonkeyPatch, library: Library | None) -> None:
    def load(name: str) -> Library:
        if library is None:
            raise OSError(name)
        return library

    monkeypatch.setattr(gpu_meter.ctypes, "CDLL", load)


def test_a_driver_has_a_version_and_gpus_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    given(monkeypatch, library)
    assert driver_version() == "580.65.06"
    assert not library.is_open
    meter = GpuMeter.open(0)
    assert meter is not None
    assert meter.used_bytes() == 3000
    assert GpuMeter.open(1) is None
    assert not library.is_open


@pytest.mark.parametrize("library", [None, Library(starts=False)])
def test_without_one_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch, library: Library | None
) -> None:
    given(monkeypatch, library)
    assert driver_version() == ""
    assert GpuMeter.open() is None
