"""The hardware, as far as this process may use it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from rmixer.errors import InputError
from rmixer.files.strict import Strict
from rmixer.files.typed_files import check_name, load_yaml, parse, shown
from rmixer.files.yaml_lines import with_lines
from rmixer.hardware.fingerprint import Fingerprint

SCHEMA_VERSION: Final = 1
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveInt = Annotated[int, Field(gt=0)]


def _check_machine_name(text: str) -> str:
    return check_name(text.partition("+")[0]) and text


MachineName = Annotated[str, AfterValidator(_check_machine_name)]
"""A name, and after ``+`` the changes supposed for it; no real machine has a ``+``."""


@dataclass(frozen=True)
class Device:
    """One place where a job's tensors live: ``cpu:0``, ``gpu:0``, … with its usable memory."""

    name: str
    kind: Literal["cpu", "gpu"]
    memory_bytes: int


@dataclass(frozen=True)
class Gpu(Strict):
    """One GPU. ``launch_us`` is the host's time to launch an empty kernel; bandwidths are measured.
    None means not measured. ``number`` counts the machine's GPUs from 0 if not all of them are
    listed; None: it is the place in the list."""

    name: str
    memory_bytes: PositiveInt
    multiprocessors: PositiveInt
    bandwidth_gbps: Positive | None = None
    link_gbps: Positive | None = None
    launch_us: Positive | None = None
    matmul_gflops: Positive | None = None
    number: Annotated[int, Field(ge=0)] | None = None


@dataclass(frozen=True)
class Machine(Strict):
    """One machine.

    ``cores`` are the ids of the usable cores (affinity and cgroup limits applied). Tuples indexed
    by core count hold the figure for k cores at ``[k - 1]``. ``core_capacity`` is the compute done
    by k loops at once, in units of one loop alone; ``bandwidth_gbps`` the bytes read and written by
    k cores that copy; ``matmul_gflops`` the single-precision matrix-product rate of k threads.
    ``exchange_us`` is the shortest time in which k threads, each on its core, exchange 128 KiB each
    (0 for one); ``radix_sort_ns`` their time for an id as they sort 65536 of them. The last two are
    empty if not measured. ``origin`` is ``modelled`` if nothing was measured.
    """

    name: MachineName
    origin: Literal["measured", "modelled"]
    processor: str
    cores: Annotated[tuple[int, ...], Field(min_length=1)]
    sockets: PositiveInt
    cache_bytes: dict[str, int]
    memory_bytes: PositiveInt
    core_capacity: tuple[Positive, ...]
    bandwidth_gbps: tuple[Positive, ...]
    matmul_gflops: tuple[Positive, ...]
    worker_startup_s: Positive
    probe_s: Positive
    gpus: tuple[Gpu, ...]
    fingerprint: Fingerprint
    exchange_us: tuple[NotNegative, ...] = ()
    schema_version: Literal[1] = SCHEMA_VERSION

    @property
    def devices(self) -> tuple[Device, ...]:
        """GPUs first, then the CPU: the order in which policies look at them."""
        gpus = (
            Device(f"gpu:{place if gpu.number is None else gpu.number}", "gpu", gpu.memory_bytes)
            for place, gpu in enumerate(self.gpus)
        )
        return (*gpus, Device("cpu:0", "cpu", self.memory_bytes))

    @property
    def in_words(self) -> str:
        """``h100-16c, what if gpus=4``; the bare name of an unchanged machine."""
        name, *supposed = self.name.split("+")
        return f"{name}, what if {', '.join(supposed)}" if supposed else name

    def capacity(self, busy_cores: int) -> float:
        """Speed of one core while ``busy_cores`` are busy, 1.0 when it is alone."""
        if busy_cores <= 1 or not self.core_capacity:
            return 1.0
        k = min(busy_cores, len(self.core_capacity))
        return min(1.0, self.core_capacity[k - 1] / k)


def gpu_number(device: str) -> int | None:
    """Returns 2 for ``gpu:2``; None for a CPU."""
    kind, _, number = device.partition(":")
    return int(number) if kind == "gpu" else None


def read_machine(path: Path) -> Machine:
    """The machine file at ``path``; raises :class:`InputError`."""
    try:
        return _read_machine(path)
    except InputError as error:
        raise with_lines(error, path) from None


def machine_of(data: Any, where: Path) -> Machine:
    """The machine that ``data`` from the file ``where`` describes; raises :class:`InputError`. What
    only earlier releases measured is left out."""
    if isinstance(data, dict):
        data = {key: value for key, value in data.items() if key != "radix_sort_ns"}
    return parse(data, Machine, where)


def _read_machine(path: Path) -> Machine:
    data = load_yaml(path, "machine file")
    check_schema(data, path, SCHEMA_VERSION)
    machine = machine_of(data, path)
    if "+" in machine.name:
        allowed = "the name of a machine that exists: --set supposes another"
        raise InputError(path, "name", repr(machine.name), allowed)
    if len(set(machine.cores)) < len(machine.cores) or min(machine.cores) < 0:
        raise InputError(path, "cores", list(machine.cores), "the ids of cores, each once")
    exchange = ("exchange_us",) if machine.exchange_us else ()
    for key in ("core_capacity", "bandwidth_gbps", "matmul_gflops", *exchange):
        if len(getattr(machine, key)) != len(machine.cores):
            found = f"{len(getattr(machine, key))} values"
            raise InputError(path, key, found, f"one for each of {len(machine.cores)} core counts")
    for k, capacity in enumerate(machine.core_capacity, start=1):
        if capacity > k or (k == 1 and capacity < 1):
            most = f"at most {k}: as many times what one core does" if k > 1 else "1: what it does"
            allowed = f"{most} alone (`rmixer machine --again` measures it)"
            raise InputError(path, f"core_capacity.{k - 1}", shown(capacity), allowed)
    return machine


def check_schema(data: object, path: Path, version: int, again: str = "record it again") -> None:
    """Raises :class:`InputError` unless ``data`` is a mapping of this schema version; ``again``
    says how to get a file of this version."""
    if not isinstance(data, dict):
        raise InputError(path, "", shown(data), "a mapping with schema_version")
    found = data.get("schema_version")
    if found != version or isinstance(found, bool):
        text = "nothing" if found is None else shown(found)
        allowed = f"{version}, the version this release reads: {again}"
        raise InputError(path, "schema_version", text, allowed)
