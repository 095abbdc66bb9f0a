"""CARMA (2025): sends the head of the queue to a GPU that has room and is not hot."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from rmixer.policies.own_kind import gpus_or_cpu
from rmixer.scheduling.policy import Figure, Policy
from rmixer.scheduling.view import (
    MIB,
    SHARE_DIGITS,
    ClusterView,
    DeviceView,
    Dispatch,
    JobView,
)

BUSY, OCCUPIED, STREAMING = 0.80, 0.45, 0.40
ROUNDING_S = 1e-9


class Carma(Policy):
    """Looks only at the head of the queue. An idle GPU takes it; else the subclass chooses one of
    the GPUs that are not hot and whose free memory covers its peak and ``extra_mib``. A GPU gets no
    job for ``window_s`` after the last one, unless it is idle again.

    A GPU is hot if its booked busy share is at least 0.80, and its booked occupancy at least 0.45
    or its booked bandwidth at least 0.40; unknown figures count as 0.
    """

    source = "CARMA (2025)"
    needs: tuple[Figure, ...] = ("peak_bytes",)
    memory = "peak"
    hot_counts = True

    def __init__(self, seed: int = 0, window_s: float = 30.0, extra_mib: int = 2048) -> None:
        super().__init__(seed)
        self._window_s, self._extra_bytes = window_s, extra_mib * MIB

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        job = next(view.waiting(), None)
        if job is None:
            return ()
        able = [device for device in gpus_or_cpu(view, job) if device.fits(job, self.memory)]
        device = next((device for device in able if not device.residents), None)
        if device is None:
            device = self.choose(view, [each for each in able if self._has_room(view, each, job)])
        return () if device is None else (Dispatch(job.id, (device.name,)),)

    def ask_again_s(self, view: ClusterView) -> float | None:
        if not view.queued:
            return None
        rests = [self._rest_s(view, device) for device in view.devices.values()]
        return min((rest_s for rest_s in rests if rest_s > 0.0), default=None)

    @abstractmethod
    def choose(self, view: ClusterView, devices: Sequence[DeviceView]) -> DeviceView | None:
        """One of the ``devices`` that could take the job; None if there are none."""

    def _rest_s(self, view: ClusterView, device: DeviceView) -> float:
        """Seconds for which ``device`` gets no job."""
        if device.last_started_s is None:
            return 0.0
        left_s = device.last_started_s + self._window_s - view.now_s
        return left_s if left_s > ROUNDING_S else 0.0

    def _has_room(self, view: ClusterView, device: DeviceView, job: JobView) -> bool:
        need = job.costs[device.kind].peak_bytes + self._extra_bytes
        if self._rest_s(view, device) > 0.0 or need > device.memory_bytes - device.held_bytes:
            return False
        return not (self.hot_counts and is_hot(view, device))


def is_hot(view: ClusterView, device: DeviceView) -> bool:
    """True if the jobs on ``device`` leave no room for another, by their profiles."""
    costs = [view.jobs[resident.job].costs[device.kind] for resident in device.residents]
    occupied = round(sum(cost.occupancy or 0.0 for cost in costs), SHARE_DIGITS)
    streaming = round(sum(cost.bandwidth or 0.0 for cost in costs), SHARE_DIGITS)
    full = occupied >= OCCUPIED or streaming >= STREAMING
    return device.booked_utilisation >= BUSY and full


def _free_bytes(device: DeviceView) -> int:
    return device.memory_bytes - device.held_bytes


class CarmaFf(Carma):
    """The head of the queue to the first GPU that has room and is not hot (first fit)."""

    name = "carma_ff"

    def choose(self, view: ClusterView, devices: Sequence[DeviceView]) -> DeviceView | None:
        return next(iter(devices), None)


class CarmaBf(Carma):
    """The head of the queue to the GPU with the least free memory that has room (best fit)."""

    name = "carma_bf"

    def choose(self, view: ClusterView, devices: Sequence[DeviceView]) -> DeviceView | None:
        return min(devices, key=_free_bytes, default=None)


class CarmaMagm(Carma):
    """The head of the queue to the GPU with the most free memory that is not hot (MAGM)."""

    name = "carma_magm"

    def choose(self, view: ClusterView, devices: Sequence[DeviceView]) -> DeviceView | None:
        return max(devices, key=_free_bytes, default=None)


class CarmaLug(Carma):
    """The head of the queue to the least utilised GPU that has room and is not hot (LUG)."""

    name = "carma_lug"
    needs = ("peak_bytes", "utilisation")

    def choose(self, view: ClusterView, devices: Sequence[DeviceView]) -> DeviceView | None:
        return min(devices, key=lambda device: device.booked_utilisation, default=None)


class CarmaRr(Carma):
    """The head of the queue to the next GPU in a ring that has room, hot or not (round robin)."""

    name = "carma_rr"
    hot_counts = False

    def choose(self, view: ClusterView, devices: Sequence[DeviceView]) -> DeviceView | None:
        ring = list(view.devices.values())
        last = max(range(len(ring)), key=lambda place: ring[place].last_order)
        after = [*ring[last + 1 :], *ring[: last + 1]]
        return next((device for device in after if device in devices), None)


CARMA: tuple[type[Carma], ...] = (CarmaFf, CarmaBf, CarmaMagm, CarmaLug, CarmaRr)
