"""Reads a GPU's utilisation and used memory from the NVIDIA driver.

The driver's management library is called directly (NVML API reference, "Device Queries"), so
nothing needs to be installed; without it there is no meter.
"""

from __future__ import annotations

import ctypes
import threading
import time

from rmixer.hardware.visible_gpus import named_gpus

SAMPLE_S = 0.05
MOST_PROCESSES = 256
_UNKNOWN = (1 << 64) - 1
"""NVML's ``NVML_VALUE_NOT_AVAILABLE``."""
LONGEST_VERSION = 80


def driver_version() -> str:
    """The version of the NVIDIA driver; "" if there is none."""
    library = _started_library()
    if library is None:
        return ""
    text = ctypes.create_string_buffer(LONGEST_VERSION)
    unknown = library.nvmlSystemGetDriverVersion(text, ctypes.c_uint(LONGEST_VERSION))
    library.nvmlShutdown()
    return "" if unknown else text.value.decode()


def _started_library() -> ctypes.CDLL | None:
    """The driver's management library; None if it is missing or does not start."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    return None if library.nvmlInit_v2() else library


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


class _Process(ctypes.Structure):
    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


class GpuMeter:
    """A GPU, sampled twenty times a second while the context is open.

    ``busy_s`` adds up the share of the time in which some kernel ran (NVML's utilisation, which
    does not say how much of the GPU it used), None if the driver does not say; ``peak_bytes`` is
    the most memory held above the level at the start.
    """

    def __init__(self, library: ctypes.CDLL, device: ctypes.c_void_p) -> None:
        self._library, self._device = library, device
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._before_bytes = self.used_bytes()
        self.busy_s: float | None = 0.0
        self.peak_bytes = 0

    @staticmethod
    def open(index: int = 0) -> GpuMeter | None:
        """A meter of CUDA's GPU ``index``; None if there is no driver, no such GPU, or no memory
        figure."""
        library = _started_library()
        if library is None:
            return None
        device, memory = ctypes.c_void_p(), _Memory()
        if _find(library, index, device) or _ask_memory(library, device, memory):
            library.nvmlShutdown()
            return None
        return GpuMeter(library, device)

    def _watch(self) -> None:
        last_s = time.monotonic()
        while not self._over.wait(SAMPLE_S):
            now_s = time.monotonic()
            share = self._busy()
            if self.busy_s is not None:
                self.busy_s = None if share is None else self.busy_s + share * (now_s - last_s)
            self.peak_bytes = max(self.peak_bytes, self.used_bytes() - self._before_bytes)
            last_s = now_s

    def _busy(self) -> float | None:
        share = _Utilization()
        unknown = self._library.nvmlDeviceGetUtilizationRates(self._device, ctypes.byref(share))
        return None if unknown else float(share.gpu) / 100.0

    def used_bytes(self) -> int:
        """The memory that the driver has given out, to any process."""
        memory = _Memory()
        _ask_memory(self._library, self._device, memory)
        return int(memory.used)

    def bytes_by_process(self) -> dict[int, int]:
        """Bytes of each process that computes there, by its number, as far as the driver says: in a
        container it often names none, or by other numbers."""
        ask = getattr(self._library, "nvmlDeviceGetComputeRunningProcesses_v3", None)
        count, found = ctypes.c_uint(MOST_PROCESSES), (_Process * MOST_PROCESSES)()
        if ask is None or ask(self._device, ctypes.byref(count), found):
            return {}
        return {each.pid: each.used for each in found[: count.value] if each.used != _UNKNOWN}

    def __enter__(self) -> GpuMeter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.close()

    def close(self) -> None:
        """Closes the connection to the driver."""
        self._library.nvmlShutdown()


def _find(library: ctypes.CDLL, index: int, device: ctypes.c_void_p) -> int:
    """Sets ``device`` to NVML's handle of CUDA's GPU ``index``; returns other than 0 if there is
    none. Without ``CUDA_VISIBLE_DEVICES`` both number GPUs of one make alike."""
    names = named_gpus()
    if names is not None and index >= len(names):
        return 1
    name = str(index) if names is None else names[index]
    if name.isdecimal():
        found = library.nvmlDeviceGetHandleByIndex_v2(
            ctypes.c_uint(int(name)), ctypes.byref(device)
        )
    else:  # GPU-<uuid> or MIG-<uuid>
        found = library.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(device))
    return int(found)


def _ask_memory(library: ctypes.CDLL, device: ctypes.c_void_p, memory: _Memory) -> int:
    return int(library.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)))
