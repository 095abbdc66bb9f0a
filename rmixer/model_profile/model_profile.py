"""The cost of a training step on one machine: the product of stage 1, the input of stage 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from rmixer.errors import InputError
from rmixer.files.strict import Strict
from rmixer.hardware.fingerprint import Fingerprint
from rmixer.model_profile.device_cost import DeviceCost
from rmixer.operators.operator_cost import OperatorCost
from rmixer.workload.cost_identity import CostIdentity

SCHEMA_VERSION: Final = 4
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Slowdown = Annotated[float, Field(ge=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=0)]
Kind = Literal["cpu", "gpu"]
JobType = Literal["compute", "memory", "low"]


@dataclass(frozen=True)
class StepMeasurement(Strict):
    """The measurement of a step, and its precision.

    It covers ``n`` steps, of which ``stalls`` were stalls. ``half_width`` is half the 95% interval
    of the mean by blocks, as a fraction of it. ``repeatability`` is the difference between the
    means of two workers in turn, as a fraction. ``rounds`` count; in ``dropped_rounds`` the machine
    was slow or changed. ``closure`` is (sum of operators + gaps) / mean - 1 by lane, before
    scaling, and empty if the operators are unknown. ``waited`` is the share of time for which it
    was ready and others had its cores, in the rounds that count or in its phases, whichever is
    more; 0 also if unknown. ``sensitivity_half_width`` is half the 95% interval of
    ``stream_slowdown`` over ``compute_slowdown``, by rounds, as a fraction; None if unknown.
    """

    n: Annotated[int, Field(gt=0)]
    stalls: Annotated[int, Field(ge=0)]
    half_width: NonNegative
    repeatability: NonNegative
    rounds: Annotated[int, Field(gt=0)]
    dropped_rounds: Annotated[int, Field(ge=0)]
    closure: dict[str, Finite]
    waited: Share = 0.0
    sensitivity_half_width: NonNegative | None = None


@dataclass(frozen=True)
class StepCost(Strict):
    """The cost of a step on one kind of device and number of host threads, without the profiler.

    ``mean_us`` leaves out stalls (steps over 10 x the median) and rounds in which its cores
    exchanged data slowly; ``stall_us`` and ``apart_us`` are what these add to a step on average.
    ``exchange_us`` is the time of its cores to exchange a fixed amount of data in the rounds that
    count, 0 with one thread. ``scale`` is the simulator's factor on operators and gaps, by lane.
    ``compute_slowdown[k - 1]`` and ``stream_slowdown[k - 1]`` are the mean in units of the mean
    alone, while k other cores compute in cache or stream memory (empty if not measured or no core
    is left over). ``pressure`` is how much one such job slows a streaming neighbour, from 0 (as a
    compute loop does) to 1 (as another stream does); None if they are empty. Phases other than
    training are in seconds; warm-up is that of the profile's first ``warmup_steps``.
    ``measurement`` is None if the step was predicted, modelled or imported. Only command jobs have
    ``core_us``, the processor time of all processes for a step, and ``gpu_us``, the busy time of
    the GPU.
    """

    device: Kind
    threads: Annotated[int, Field(gt=0)]
    mean_us: Positive
    p10_us: Positive
    p50_us: Positive
    p90_us: Positive
    stall_us: NonNegative
    scale: dict[str, Positive]
    compute_slowdown: tuple[Slowdown, ...]
    stream_slowdown: tuple[Slowdown, ...]
    pressure: NonNegative | None
    build_s: NonNegative
    warmup_s: NonNegative
    evaluate_s: NonNegative
    save_s: NonNegative
    measurement: StepMeasurement | None
    core_us: NonNegative | None = None
    gpu_us: NonNegative | None = None
    exchange_us: NonNegative = 0.0
    apart_us: NonNegative = 0.0

    @classmethod
    def unmeasured(cls, device: Kind, threads: int, mean_us: float, **known: Any) -> StepCost:
        """Returns a step of which only ``mean_us`` is known, and what ``known`` has by field."""
        fields: dict[str, Any] = dict.fromkeys(("p10_us", "p50_us", "p90_us"), mean_us)
        fields |= dict.fromkeys(("stall_us", "build_s", "warmup_s", "evaluate_s", "save_s"), 0.0)
        fields |= {"scale": {}, "compute_slowdown": (), "stream_slowdown": (), "pressure": None}
        return cls(device, threads, mean_us, **{**fields, "measurement": None, **known})

    @property
    def place(self) -> tuple[Kind, int]:
        """The kind of device and the number of host threads."""
        return self.device, self.threads

    @property
    def closure(self) -> Mapping[str, float]:
        """The measurement's closure; empty if there is none."""
        return self.measurement.closure if self.measurement else {}

    @property
    def waited(self) -> float:
        """The measurement's, 0 if there is none."""
        return self.measurement.waited if self.measurement else 0.0

    @property
    def half_width(self) -> float:
        """The measurement's, 0 if there is none."""
        return self.measurement.half_width if self.measurement else 0.0

    @property
    def expected_us(self) -> float:
        """The mean step with stalls and slow exchanges included."""
        return self.mean_us + self.stall_us + self.apart_us


@dataclass(frozen=True)
class MemoryCost(Strict):
    """Peak memory on one kind of device. On the CPU ``context_bytes`` is an idle worker's resident
    memory and ``peak_bytes`` the high-water mark of a fresh worker that trained. On a GPU the
    context is the memory that the driver gives a process without tensors, and the peak adds all
    that torch's allocator took from the driver. For a command job only the peak of all its
    processes is known."""

    device: Kind
    parameter_bytes: Bytes | None
    gradient_bytes: Bytes | None
    optimizer_bytes: Bytes | None
    activation_bytes: Bytes | None
    context_bytes: Bytes | None
    peak_bytes: Annotated[int, Field(gt=0)]


@dataclass(frozen=True)
class ModelProfile(Strict):
    """The profile of one cost identity on one machine. ``intensity`` is FLOPs per byte of the
    operators' byte formulas; ``bandwidth_gbps`` those bytes per second of a step with one thread.
    ``predicted_from`` are the batch sizes of the profiles that it was predicted from (empty:
    measured); ``does_not_fit`` are the kinds of devices whose memory was too small. A command job's
    operators and the figures from them are unknown. A profile of a ``table`` of durations may lack
    the utilisation and the job type of a device; an unknown peak is 0 there. On the devices of
    ``doubtful_type`` the figures behind the job type are within their error of a border; the type
    is that of most measured sizes of the model (:mod:`profiles.assembling.settled_types`)."""

    identity: CostIdentity
    machine: str
    origin: Literal["measured", "modelled", "table"]
    steps: Annotated[tuple[StepCost, ...], Field(min_length=1)]
    memory: Annotated[tuple[MemoryCost, ...], Field(min_length=1)]
    startup_s: NonNegative
    warmup_steps: Annotated[int, Field(ge=0)]
    flops: Annotated[int, Field(ge=0)] | None
    bytes: Annotated[int, Field(ge=0)] | None
    intensity: NonNegative | None
    bandwidth_gbps: NonNegative | None
    utilisation: dict[Kind, Share]
    job_type: dict[Kind, JobType]
    probe_s: Positive
    fingerprint: Fingerprint
    predicted_from: tuple[int, ...] = ()
    does_not_fit: tuple[Kind, ...] = ()
    doubtful_type: tuple[Kind, ...] = ()
    schema_version: Literal[4] = SCHEMA_VERSION
    operators: tuple[OperatorCost, ...] = ()

    @property
    def key(self) -> str:
        """The key of the cost identity."""
        return self.identity.key

    def input_bound(self, threads: int) -> float | None:
        """The share, from 0 to 1, of a CPU step with ``threads`` that waits for its input. A warm
        epoch is read from the operators; a cold one adds the extra time of its batches."""
        rows = [cost for cost in self.operators if (cost.lane, cost.threads) == ("cpu", threads)]
        total_us = sum(cost.mean_us + cost.gap_before_us for cost in rows)
        wait_us = sum(cost.mean_us for cost in rows if cost.phase == "input")
        return wait_us / total_us if total_us else None

    def step(self, kind: str, threads: int) -> StepCost:
        """The step on one kind of device with ``threads`` host threads."""
        for cost in self.steps:
            if cost.device == kind and cost.threads == threads:
                return cost
        known = ", ".join(f"{cost.device} with {cost.threads}" for cost in self.steps)
        found = f"no figures for {kind} with {threads} threads"
        raise InputError(f"profile {self.key}", "steps", found, f"{known}: profile it again")

    def costs(self) -> Mapping[str, DeviceCost]:
        """The costs that policies see, by kind of device."""
        return {memory.device: self._device_cost(memory) for memory in self.memory}

    def _device_cost(self, memory: MemoryCost) -> DeviceCost:
        steps = [step for step in self.steps if step.device == memory.device]
        return DeviceCost(
            peak_bytes=memory.peak_bytes,
            utilisation=self.utilisation.get(memory.device, 0.0),
            job_type=self.job_type.get(memory.device, "low"),
            step_s={step.threads: step.expected_us * 1e-6 for step in steps},
            before_s={step.threads: step.build_s + step.warmup_s for step in steps},
            after_s={step.threads: step.evaluate_s + step.save_s for step in steps},
            warmup_steps=self.warmup_steps,
            context_bytes=(memory.context_bytes or 0) if memory.device == "gpu" else 0,
        )
