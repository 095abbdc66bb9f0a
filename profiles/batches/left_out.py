"""The prediction error of profiled sizes from the others: the error to expect for a new size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from profiles.batches.batch_prediction import predict_batch
from profiles.batches.known_sizes import TooFewSizesError
from rmixer.hardware.machine import Machine
from rmixer.model_profile.model_profile import ModelProfile, StepCost


class LeftOut(NamedTuple):
    """A step of ``profile`` as ``measured``, and as predicted from profiles of the sizes
    ``known``."""

    profile: ModelProfile
    known: tuple[int, ...]
    predicted: StepCost
    measured: StepCost

    @property
    def error(self) -> float:
        """(predicted - measured) / measured."""
        return self.predicted.mean_us / self.measured.mean_us - 1.0


def left_out(
    profile: ModelProfile, others: Sequence[ModelProfile], machine: Machine
) -> Iterator[LeftOut]:
    """Yields each step of ``profile`` as ``others`` of the same model predict it; nothing if they
    are too few."""
    try:
        predicted = predict_batch(others, profile.identity, machine)
    except TooFewSizesError:
        return
    measured = {(cost.device, cost.threads): cost for cost in profile.steps}
    for cost in predicted.steps:
        if (place := (cost.device, cost.threads)) in measured:
            yield LeftOut(profile, predicted.predicted_from, cost, measured[place])


def each_left_out(profiles: Sequence[ModelProfile], machine: Machine) -> Iterator[LeftOut]:
    """Each of ``profiles`` as the others predict it."""
    for profile in profiles:
        yield from left_out(profile, [o for o in profiles if o is not profile], machine)
