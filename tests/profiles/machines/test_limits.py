"""What a process may use, from control groups made of plain files."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from profiles.machines import limits
from profiles.machines.measure_machine import core_counts

GIB = 1 << 30
ALLOWED = tuple(sorted(os.sched_getaffinity(0)))


@pytest.fixture
def own_group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The control groups of this process: in version 2 ``/pod/job``, in version 1 the same for
    ``cpu`` (mounted together with ``cpuacct``) and ``memory``."""
    listing = tmp_path / "proc_self_cgroup"
    listing.write_text(
        "4:memory:/pod/job\n3:cpu,cpuacct:/pod/job\n1:name=systemd:/x\n0::/pod/job\n"
    )
    read = limits._read
    own = Path("/proc/self/cgroup")
    monkeypatch.setattr(limits, "_read", lambda path: read(listing if path == own else path))
    return tmp_path / "groups"


def write(folder: Path, **files: object) -> None:
    """Files whose names have a dot where the keyword has two underscores."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def test_without_a_quota_all_cores_of_the_affinity_mask(own_group: Path) -> None:
    assert limits.usable_cores(own_group) == ALLOWED
    assert limits.cpu_quota(own_group) is None


@pytest.mark.parametrize(
    ("text", "quota"),
    [("max 100000", None), ("150000 100000", 1.5), ("50000 100000", 0.5), ("garbage", None)],
)
def test_quota_of_version_2(own_group: Path, text: str, quota: float | None) -> None:
    write(own_group / "pod" / "job", cpu__max=text)
    assert limits.cpu_quota(own_group) == quota
    if quota is not None:
        assert limits.usable_cores(own_group) == ALLOWED[:1]


@pytest.mark.parametrize(
    ("quota_us", "quota", "cores"), [(-1, None, None), (200_000, 2.0, 2), (25_000, 0.25, 1)]
)
def test_quota_of_version_1(
    own_group: Path, quota_us: int, quota: float | None, cores: int | None
) -> None:
    folder = own_group / "cpu" / "pod" / "job"
    write(folder, cpu__cfs_quota_us=quota_us, cpu__cfs_period_us=100_000)
    assert limits.cpu_quota(own_group) == quota
    assert limits.usable_cores(own_group) == ALLOWED[:cores]


def test_the_smallest_quota_of_a_group_and_its_parents_counts(own_group: Path) -> None:
    write(own_group / "pod" / "job", cpu__max="300000 100000")
    write(own_group / "pod", cpu__max="120000 100000")
    write(own_group, cpu__max="max 100000")
    assert limits.cpu_quota(own_group) == 1.2


def test_a_container_sees_its_own_group_as_the_root(own_group: Path) -> None:
    """The path in /proc is the host's, which is not there."""
    write(own_group, cpu__max="200000 100000", memory__max=GIB)
    assert limits.cpu_quota(own_group) == 2.0
    assert limits.usable_memory_bytes(own_group) == GIB


def test_without_a_limit_all_of_physical_memory(own_group: Path) -> None:
    total = psutil.virtual_memory().total
    write(own_group / "pod" / "job", memory__max="max", memory__current=GIB)
    write(own_group / "memory" / "pod", memory__limit_in_bytes=9223372036854771712)
    assert limits.usable_memory_bytes(own_group) == total
    assert 0 < limits.used_memory_bytes(own_group) < total


def test_memory_limits_of_both_versions(own_group: Path) -> None:
    write(own_group / "pod", memory__max=3 * GIB)
    assert limits.usable_memory_bytes(own_group) == 3 * GIB
    write(own_group / "memory" / "pod" / "job", memory__limit_in_bytes=2 * GIB)
    assert limits.usable_memory_bytes(own_group) == 2 * GIB


def test_a_limited_group_is_as_full_as_it_is_itself(own_group: Path) -> None:
    """Not as full as the host: half a GiB of its 0.75 is held, and a quarter of that is cache
    that can be dropped."""
    write(
        own_group / "pod" / "job",
        memory__max=3 * GIB // 4,
        memory__current=GIB // 2,
        memory__stat=f"anon 1\ninactive_file {GIB // 8}\nactive_file 7",
    )
    assert limits.used_memory_bytes(own_group) == GIB // 2 - GIB // 8
    assert limits.free_memory_bytes(own_group) == GIB // 4 + GIB // 8


def test_a_limited_group_of_version_1(own_group: Path) -> None:
    write(
        own_group / "memory" / "pod" / "job",
        memory__limit_in_bytes=3 * GIB // 4,
        memory__usage_in_bytes=GIB // 2,
        memory__stat=f"inactive_file 3\ntotal_inactive_file {GIB // 8}",
    )
    assert limits.used_memory_bytes(own_group) == GIB // 2 - GIB // 8


def test_facts_of_this_machine_are_possible() -> None:
    assert limits.processor_name()
    assert limits.sockets() >= 1
    assert all(size >= 1 << 10 for size in limits.cache_bytes().values())
    assert 0 < limits.used_memory_bytes() < limits.usable_memory_bytes()


@pytest.mark.parametrize(
    ("cores", "counts"),
    [
        (1, [1]),
        (2, [1, 2]),
        (3, [1, 2, 3]),
        (8, [1, 2, 4, 8]),
        (12, [1, 2, 4, 8, 12]),
    ],
)
def test_core_counts_are_powers_of_two_and_all(cores: int, counts: list[int]) -> None:
    assert core_counts(cores) == counts
