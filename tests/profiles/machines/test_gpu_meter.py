"""What the NVIDIA driver says, by a management library that answers as told."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import pytest

from profiles.machines import gpu_meter
from profiles.machines.gpu_meter import GpuMeter, driver_version


class Library:
    """Two GPUs, of whose memory 3000 and 3001 bytes are in use; a call that fails answers other
    than 0, as those named in ``silent`` do."""

    def __init__(self, starts: bool = True, silent: tuple[str, ...] = ()) -> None:
        self._starts, self._silent, self.is_open = starts, silent, False
        self.looks = threading.Semaphore(0)

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

    def nvmlDeviceGetHandleByIndex_v2(self, index: ctypes.c_uint, device: Any) -> int:  # noqa: N802
        device._obj.value = 100 + index.value
        return int(index.value > 1)

    def nvmlDeviceGetHandleByUUID(self, name: bytes, device: Any) -> int:  # noqa: N802
        device._obj.value = 101
        return int(name != b"GPU-5a0c")

    def nvmlDeviceGetMemoryInfo(self, device: ctypes.c_void_p, memory: Any) -> int:  # noqa: N802
        memory._obj.used = 2900 + (device.value or 0)
        return int("memory" in self._silent)

    def nvmlDeviceGetComputeRunningProcesses_v3(  # noqa: N802
        self, device: object, count: Any, found: Any
    ) -> int:
        assert count._obj.value == len(found)
        for place, (pid, used) in enumerate([(11, 4096), (12, (1 << 64) - 1)]):
            found[place].pid, found[place].used = pid, used
        count._obj.value = 2
        return int("processes" in self._silent)

    def nvmlDeviceGetUtilizationRates(self, device: object, share: Any) -> int:  # noqa: N802
        share._obj.gpu = 40
        self.looks.release()
        return int("utilisation" in self._silent)


def given(monkeypatch: pytest.MonkeyPatch, library: Library | None) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

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
    assert GpuMeter.open(2) is None
    assert not library.is_open


@pytest.mark.parametrize(
    ("visible", "used"),
    [
        ("1", [3001, None]),
        ("1,0", [3001, 3000]),
        ("GPU-5a0c, 0", [3001, 3000]),
        ("GPU-none", [None, None]),
        ("", [None, None]),
        ("7", [None, None]),
    ],
)
def test_a_gpu_is_the_one_that_cuda_calls_so(
    monkeypatch: pytest.MonkeyPatch, visible: str, used: list[int | None]
) -> None:
    given(monkeypatch, Library())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    meters = [GpuMeter.open(index) for index in (0, 1)]
    assert [meter.used_bytes() if meter else None for meter in meters] == used


def test_what_the_driver_does_not_say_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, Library(silent=("memory",)))
    assert GpuMeter.open() is None
    for silent, held in ((("processes",), {}), ((), {11: 4096})):
        given(monkeypatch, Library(silent=silent))
        meter = GpuMeter.open()
        assert meter is not None
        assert meter.bytes_by_process() == held
    for silent in ((), ("utilisation",)):
        library = Library(silent=silent)
        given(monkeypatch, library)
        meter = GpuMeter.open()
        assert meter is not None
        with meter:
            for _ in range(2):  # the first is taken into account when the second comes
                assert library.looks.acquire(timeout=60)
        assert meter.busy_s is None if silent else meter.busy_s > 0


@pytest.mark.parametrize("library", [None, Library(starts=False)])
def test_without_one_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch, library: Library | None
) -> None:
    given(monkeypatch, library)
    assert driver_version() == ""
    assert GpuMeter.open() is None
