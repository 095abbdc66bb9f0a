"""The part of the machine that this process may use: affinity and control-group limits applied."""

from __future__ import annotations

import ctypes
import math
import os
import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from rmixer.errors import InputError

GROUPS = Path("/sys/fs/cgroup")
_MEMORY = Path("/proc/meminfo")
_CPU_FOLDER = Path("/sys/devices/system/cpu")


def usable_cores(groups: Path = GROUPS) -> tuple[int, ...]:
    """The ids of the cores in this process's affinity mask, at most as many as its group's quota of
    processor time. Raises :class:`InputError` on a system without such a mask."""
    if not hasattr(os, "sched_getaffinity"):
        need = "Linux: a process has to know which cores it may use, and to choose among them"
        raise InputError("this system", "", platform.system(), need)
    allowed = sorted(os.sched_getaffinity(0))
    quota = cpu_quota(groups)
    if quota is None:
        return tuple(allowed)
    return tuple(allowed[: max(1, math.floor(quota + 1e-9))])


def cpu_quota(groups: Path = GROUPS) -> float | None:
    """The smallest quota, in cores, of this process's control groups (version 2 or 1)."""
    quotas: list[float] = []
    for folder in own_groups(groups, ""):
        words = _read(folder / "cpu.max").split()
        if len(words) == 2 and words[0] != "max":
            quotas.append(int(words[0]) / int(words[1]))
    for folder in own_groups(groups, "cpu"):
        quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if quota and period and quota > 0:
            quotas.append(quota / period)
    return min(quotas, default=None)


def usable_memory_bytes(groups: Path = GROUPS) -> int:
    """Physical memory, or the smallest limit of this process's control groups."""
    limits = (group.limit_bytes for group in _memory_groups(groups))
    return min([psutil.virtual_memory().total, *limits])


def used_memory_bytes(groups: Path = GROUPS) -> int:
    """The part of :func:`usable_memory_bytes` that is not free now: for physical memory all that
    the system does not call available, for a control group all that it cannot drop."""
    return max(0, usable_memory_bytes(groups) - FreeMemory(groups).bytes())


def free_memory_bytes(groups: Path = GROUPS) -> int:
    """The part of :func:`usable_memory_bytes` that can be taken now."""
    return usable_memory_bytes(groups) - used_memory_bytes(groups)


class FreeMemory:
    """Reads :func:`free_memory_bytes` many times a second: it finds the places to read once. A
    limit that a control group gets later is not seen."""

    def __init__(self, groups: Path = GROUPS) -> None:
        self._limited = _memory_groups(groups)

    def bytes(self) -> int:
        """Bytes that can be taken now."""
        found = re.search(r"^MemAvailable:\s+(\d+) kB$", _read(_MEMORY), re.MULTILINE)
        available = int(found[1]) * 1024 if found else psutil.virtual_memory().available
        free = (max(0, group.limit_bytes - group.used_bytes) for group in self._limited)
        return max(0, min([available, *free]))


def shared_memory_bytes(folder: Path = Path("/dev/shm")) -> int:
    """Bytes that processes can share: the size of /dev/shm, 0 if there is none."""
    try:
        return shutil.disk_usage(folder).total
    except OSError:
        return 0


@dataclass(frozen=True)
class _MemoryGroup:
    """A control group: its folder, and its files of the limit and of the use."""

    folder: Path
    limit: str
    use: str
    dropped: str

    @property
    def limit_bytes(self) -> int:
        """Its limit; 0 if it has none."""
        return _number(self.folder / self.limit) or 0

    @property
    def used_bytes(self) -> int:
        """Bytes that it holds and cannot drop."""
        text = _read(self.folder / "memory.stat")
        cached = re.search(rf"^{self.dropped} (\d+)$", text, re.MULTILINE)
        return max(0, (_number(self.folder / self.use) or 0) - (int(cached[1]) if cached else 0))


def _memory_groups(groups: Path) -> list[_MemoryGroup]:
    """This process's control groups, of either version, that have a limit."""
    found = (
        _MemoryGroup(folder, limit, use, dropped)
        for controller, limit, use, dropped in (
            ("", "memory.max", "memory.current", "inactive_file"),
            ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        )
        for folder in own_groups(groups, controller)
    )
    return [group for group in found if group.limit_bytes]


def usable_gpus() -> int:
    """The number of GPUs that this process sees; it does not touch them."""
    if not _has_gpu_driver():  # torch takes seconds to import, and would find none either
        return 0
    import torch

    return torch.cuda.device_count()


def _has_gpu_driver() -> bool:
    """True if there is a driver through which torch reaches GPUs: CUDA's, or AMD's in the
    kernel."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Path("/dev/kfd").exists()
    return True


def processor_name() -> str:
    """The processor's name, else the architecture."""
    found = re.search(r"^model name\s*:\s*(.+)$", _read(Path("/proc/cpuinfo")), re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def sockets() -> int:
    """Physical packages that the system reports, at least one."""
    ids = {_read(p) for p in _CPU_FOLDER.glob("cpu[0-9]*/topology/physical_package_id")}
    return max(1, len(ids - {""}))


def cache_bytes() -> dict[str, int]:
    """Sizes of the first usable core's caches: ``L1d``, ``L2``, ``L3``, as far as known."""
    sizes: dict[str, int] = {}
    core = min(os.sched_getaffinity(0))
    for folder in sorted((_CPU_FOLDER / f"cpu{core}" / "cache").glob("index*")):
        kind, text = _read(folder / "type"), _read(folder / "size")
        found = re.fullmatch(r"(\d+)([KMG]?)", text)
        if kind in ("Data", "Unified") and found:
            name = f"L{_read(folder / 'level')}{'d' if kind == 'Data' else ''}"
            sizes[name] = int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2]]
    return sizes


def own_groups(groups: Path, controller: str) -> list[Path]:
    """This process's control group under ``controller`` and its parents, innermost first."""
    root = groups / controller if controller else groups
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            own = root / path.lstrip("/")
            inside = [own, *own.parents]
            return [folder for folder in inside if folder == root or root in folder.parents]
    return [root]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _read(path)
    return int(text) if re.fullmatch(r"-?\d+", text) else None
