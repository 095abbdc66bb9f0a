"""RMixer's policies whose job rule is an order of the queue and a choice from it.

Those of :class:`Dynamic` fill a slot as soon as it is free; those of :class:`InRounds` wait for a
round to end.
"""

from __future__ import annotations

from collections.abc import Sequence

from rmixer.files.typed_files import content_hash
from rmixer.policies.rmixer.dynamic import Dynamic, InRounds
from rmixer.policies.rmixer.job_rules import (
    alternating,
    by_memory,
    by_type,
    by_utilisation,
    first,
    of_another_type,
)
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch, JobView


class DySequ(Dynamic):
    """By type (compute, memory, low), then by memory, largest first: the first that fits."""

    name = "dySequ"
    needs = ("job_type", "peak_bytes")

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return first(view, device, by_type)


class DyRand(Dynamic):
    """In a random order: the first that fits.

    A job's place is drawn from the seed and its id, so that a resumed run has the same order.
    """

    name = "dyRand"

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return first(view, device, self._drawn)

    def _drawn(self, job: JobView, _kind: str) -> tuple[float, ...]:
        return (int(content_hash([self.seed, job.id]), 16),)


class DyMemo(Dynamic):
    """By memory, largest first: from the front and from the back in turn on each device."""

    name = "dyMemo"
    needs = ("peak_bytes",)

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return alternating(view, device, by_memory)


class DyArin(Dynamic):
    """By utilisation, largest first: from the front and from the back in turn on each device."""

    name = "dyArin"
    needs = ("utilisation",)

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return alternating(view, device, by_utilisation)


class DyType(Dynamic):
    """By memory, largest first: the first whose type differs from the most common on the device."""

    name = "dyType"
    needs = ("job_type", "peak_bytes")

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return of_another_type(view, device, by_memory)


class Static(InRounds):
    """As dyType, in rounds."""

    name = "static"
    needs = ("job_type", "peak_bytes")

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return of_another_type(view, device, by_memory)


class Cognn(InRounds):
    """As dyMemo, in rounds: RMixer's form of CoGNN's balanced memory consumption."""

    name = "cognn"
    needs = ("peak_bytes",)

    def pick(self, view: ClusterView, device: DeviceView) -> Sequence[Dispatch]:
        return alternating(view, device, by_memory)
