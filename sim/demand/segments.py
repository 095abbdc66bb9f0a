"""Turns a training step into a short list of segments: its operators and gaps, scaled and
merged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from rmixer.errors import InputError
from rmixer.model_profile.model_profile import ModelProfile, StepCost
from rmixer.operators.operator_cost import OperatorCost
from sim.demand.contention import PRESSURE_MAX
from sim.demand.merged_operators import Piece, coalesce

MAX_SEGMENTS = 16
WEIGHT_MAX = 3.0
LAUNCH_GAP_US = 1.0


@dataclass(frozen=True)
class Segment:
    """A stretch of a step on one lane, of one memory weight.

    The host works ``host_s``. On lane ``gpu`` or ``link`` it also launches ``device_s`` of work,
    which queues behind the job's earlier device work: all but the last ``tail_s`` after ``lead_s``
    of the host's work, the rest after ``launch_s``. With ``waits`` the host then waits until the
    job's queue is empty. ``weight`` is the host work's bytes per second in units of the step's
    mean.
    """

    lane: str
    host_s: float
    weight: float = 1.0
    device_s: float = 0.0
    lead_s: float = 0.0
    launch_s: float = 0.0
    tail_s: float = 0.0
    waits: bool = False

    def scaled(self, factor: float) -> Segment:
        """The same with all times multiplied by ``factor``."""
        names = ("host_s", "device_s", "lead_s", "launch_s", "tail_s")
        times: dict[str, Any] = {name: getattr(self, name) * factor for name in names}
        return replace(self, **times)


@dataclass(frozen=True)
class StepSegments:
    """A step. ``solo_s`` is its time alone; ``host_s`` and ``gpu_s`` are the seconds for which it
    keeps its host cores and its GPU busy."""

    segments: tuple[Segment, ...]
    solo_s: float
    pieces: tuple[Piece, ...] = field(default=(), compare=False, repr=False)
    """The merged operators behind the segments; empty if the operators are unknown."""

    @cached_property
    def host_s(self) -> float:
        """Seconds of host work."""
        return sum(segment.host_s for segment in self.segments)

    @cached_property
    def gpu_s(self) -> float:
        """Seconds of GPU work."""
        return sum(segment.device_s for segment in self.segments if segment.lane == "gpu")

    def coarser(self, limit: int) -> StepSegments:
        """The same step in at most ``limit`` segments, as :func:`step_segments` makes it."""
        if len(self.segments) <= limit or not self.pieces:
            return self
        return _of_pieces(self.pieces, self.solo_s, limit)


def two_clocks_s(
    segments: Iterable[Segment], host_slowdown: float = 1.0, device_slowdown: float = 1.0
) -> float:
    """The time of one step alone, by two clocks (Lin et al., HiPC 2022): work starts on the
    device at the later of the device's clock and the launch; the host waits for the device at a
    read-back and at the step's end; the step is the later clock."""
    host = device = 0.0
    for segment in segments:
        if segment.device_s > 0:
            # A comparison is much cheaper than max(), and this is the search's innermost loop.
            led_s = host + segment.lead_s * host_slowdown
            device = led_s if led_s > device else device
            device += (segment.device_s - segment.tail_s) * device_slowdown
            launched_s = host + segment.launch_s * host_slowdown
            device = launched_s if launched_s > device else device
            device += segment.tail_s * device_slowdown
        host += segment.host_s * host_slowdown
        if segment.waits and device > host:
            host = device
    return max(host, device)


def step_segments(
    profile: ModelProfile, kind: str, threads: int, limit: int | None = MAX_SEGMENTS
) -> StepSegments:
    """The step of ``profile`` on one kind of device with ``threads`` host threads, in at most
    ``limit`` segments (None: one an operator).

    Operators with their gaps are scaled by ``StepCost.scale``, then all by one factor, so that the
    step alone takes ``expected_us``. On a CPU each has a memory weight, its share of the bytes over
    its share of the time, within bounds. On a GPU a ``gpu`` operator starts at max(the job's queue
    free + 1 µs, its launch); ``link`` operators outside the phases input and copy are read-backs,
    for which the host waits. Neighbours are merged where that loses least. If the operators are
    unknown, a CPU step is one segment. A GPU step is then one segment a lane, after which the host
    waits, if the step's GPU time is known. Raises :class:`InputError` if the profile has no
    figures.
    """
    cost = profile.step(kind, threads)
    target_s = cost.expected_us * 1e-6
    rows = _rows(profile, kind, threads)
    if not rows and kind == "gpu" and cost.gpu_us is not None:
        return _one_a_lane(target_s, min(target_s, cost.gpu_us * 1e-6))
    if not rows and kind == "gpu":
        found = f"no gpu operators with {threads} threads"
        raise InputError(f"profile {profile.key}", "operators", found, "at least one")
    pieces = _host_pieces(rows, cost) if kind == "cpu" else _device_pieces(rows, cost)
    if sum(piece.host + piece.device for piece in pieces) <= 0:
        return StepSegments((Segment("cpu", target_s),), target_s)
    return _of_pieces(pieces, target_s, limit)


def _of_pieces(pieces: Sequence[Piece], target_s: float, limit: int | None) -> StepSegments:
    left = coalesce(pieces, limit)
    segments = [_segment(piece) for piece in left]
    factor = target_s / two_clocks_s(segments)
    return StepSegments(tuple(each.scaled(factor) for each in segments), target_s, tuple(left))


def walked_alone_s(profile: ModelProfile, threads: int) -> float:
    """Seconds of a GPU step alone, computed from its operators by the two clocks before they are
    scaled to ``expected_us``; 0 if they are unknown."""
    cost = profile.step("gpu", threads)
    rows = _rows(profile, "gpu", threads)
    return two_clocks_s(_segment(piece) for piece in _device_pieces(rows, cost))


def _one_a_lane(step_s: float, gpu_s: float) -> StepSegments:
    host_s = step_s - gpu_s
    host = Segment("cpu", host_s)
    device = Segment("gpu", 0.0, device_s=gpu_s, waits=True)
    return StepSegments(tuple(s for s in (host, device) if s.host_s + s.device_s > 0), step_s)


def _rows(profile: ModelProfile, kind: str, threads: int) -> list[OperatorCost]:
    """The operators of the step in order. For a GPU step also those that make its input on the
    host, if the profile has a CPU step too to which the other host operators belong."""
    rows = [row for row in profile.operators if row.threads == threads]
    if kind == "cpu":
        return [row for row in rows if row.lane == "cpu"]
    shared = any(cost.device == "cpu" and cost.threads == threads for cost in profile.steps)
    return [row for row in rows if row.lane != "cpu" or not shared or row.phase == "input"]


def _host_pieces(rows: Sequence[OperatorCost], cost: StepCost) -> list[Piece]:
    """Pieces of host work with memory weights of time-weighted mean 1."""
    scale = cost.scale.get("cpu", 1.0) * 1e-6
    times = [(row.mean_us + row.gap_before_us) * scale for row in rows]
    moved = [row.moved_bytes or 0 for row in rows]
    weights = _memory_weights(times, moved, cost.pressure or 0.0)
    heavy = [time * weight for time, weight in zip(times, weights, strict=True)]
    return [Piece("cpu", *pair) for pair in zip(times, heavy, strict=True)]


def _memory_weights(times: Sequence[float], moved: Sequence[int], pressure: float) -> list[float]:
    """Bytes per second of each operator in units of the mean; their time-weighted mean is 1.

    No weight exceeds 3, nor the weight at which this pressure equals 1.5 streams: no program
    presses much harder than a stream, and byte formulas also count bytes that a cache holds. The
    excess is spread evenly over the rest.
    """
    total_s, total_bytes = sum(times), sum(moved)
    if total_s <= 0 or total_bytes <= 0:
        return [1.0] * len(times)
    heaviest = max(1.0, min(WEIGHT_MAX, PRESSURE_MAX / pressure if pressure > 0 else WEIGHT_MAX))
    mean = total_bytes / total_s
    weights = [
        count / time / mean if time > 0 else 1.0 for count, time in zip(moved, times, strict=True)
    ]
    while True:
        weights = [min(weight, heaviest) for weight in weights]
        held = sum(weight * time for weight, time in zip(weights, times, strict=True))
        room_s = sum(t for w, t in zip(weights, times, strict=True) if w < heaviest)
        if total_s - held <= 1e-12 * total_s or room_s <= 0:
            return weights
        more = (total_s - held) / room_s
        weights = [w + more if w < heaviest else w for w in weights]


def _device_pieces(rows: Sequence[OperatorCost], cost: StepCost) -> list[Piece]:
    """Pieces of a step on a GPU. Each has the host's time since the row before and for this row,
    then its work on the device."""
    scale = {lane: cost.scale.get(lane, 1.0) * 1e-6 for lane in ("cpu", "gpu", "link")}
    gap_s = LAUNCH_GAP_US * 1e-6
    pieces = []
    for row in rows:
        if row.lane == "cpu":
            host = (row.gap_before_us + row.mean_us) * scale["cpu"]
            pieces.append(Piece("cpu", host, host))
            continue
        host = (row.t1_us + row.host_us) * scale["cpu"]
        device = row.mean_us * scale[row.lane]
        launch = max(0.0, host - gap_s)
        work = device + gap_s
        waits = row.lane == "link" and row.phase not in ("input", "copy")
        pieces.append(Piece(row.lane, host, host, work, launch, launch, work, work * launch, waits))
    return pieces


def _segment(piece: Piece) -> Segment:
    """The piece's two clocks with two launches: exact alone, close when other jobs run."""
    weight = piece.heavy / piece.host if piece.host > 0 else 1.0
    if piece.device <= 0:
        return Segment(piece.lane, piece.host, weight)
    tail = min(piece.tail, piece.device)
    first = piece.device - tail
    lead = piece.launch
    if first > 0:
        # At the first launch some of it would run ahead of its own; at its mean launch some
        # would be late: half way between, but never so late that the step takes longer.
        latest = min(piece.launch, piece.launch + piece.tail - piece.device)
        mean = (piece.moment - tail * piece.launch) / first
        lead = max(piece.lead, min((piece.lead + mean) / 2, latest))
    return Segment(
        lane=piece.lane,
        host_s=piece.host,
        weight=weight,
        device_s=piece.device,
        lead_s=lead,
        launch_s=piece.launch,
        tail_s=tail,
        waits=piece.waits,
    )
