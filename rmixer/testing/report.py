"""The reports of :func:`rmixer.testing.check_model` and :func:`rmixer.testing.check_policy`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rmixer.display.quantities import size


@dataclass(frozen=True)
class ModelReport:
    """``losses`` by step; the numbers of ``parameters`` and of trained ones; ``memory`` in bytes by
    use: ``parameter_bytes``, ``gradient_bytes``, ``optimizer_bytes`` and ``activation_bytes`` (kept
    for the backward pass) are the estimate, ``peak_bytes`` is the allocator's maximum; ``quality``
    on held-out batches; ``warnings`` are worth knowing, but no failures."""

    model: str
    batch: int
    losses: tuple[float, ...]
    parameters: int
    trained_parameters: int
    memory: Mapping[str, int]
    quality: Mapping[str, float]
    warnings: tuple[str, ...]

    @property
    def estimated_bytes(self) -> int:
        """Parameters, gradients, optimizer state and activations together."""
        return sum(held for use, held in self.memory.items() if use != "peak_bytes")

    def _trained(self) -> str:
        frozen = self.parameters - self.trained_parameters
        return f"{self.trained_parameters:,} of them trained" if frozen else "all of them trained"

    def __str__(self) -> str:
        sizes = {use.removesuffix("_bytes"): size(held) for use, held in self.memory.items()}
        peak = sizes.pop("peak")
        parts = ", ".join(f"{use} {held}" for use, held in sizes.items())
        quality = ", ".join(f"{name} {value:.4f}" for name, value in self.quality.items())
        lines = [
            f"{self.model} at batch {self.batch} can be profiled and trained",
            f"  losses: {', '.join(f'{loss:.4f}' for loss in self.losses)}; the same again "
            "with the same seed",
            f"  parameters: {self.parameters:,}, {self._trained()}",
            f"  memory: {size(self.estimated_bytes)} estimated ({parts}); {peak} measured",
            f"  held out: {quality or 'nothing to evaluate on'}",
        ]
        return "\n".join([*lines, *(f"  note: {warning}" for warning in self.warnings)])


@dataclass(frozen=True)
class PolicyReport:
    """``policy`` started ``jobs`` jobs in ``runs`` runs with ``decisions`` decisions; ``slowest_s``
    is the time of the slowest. ``passed_over`` is the most later jobs that were started before one
    job. ``warnings`` are worth knowing, but no failures."""

    policy: str
    runs: int
    jobs: int
    decisions: int
    slowest_s: float
    passed_over: int
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        lines = [
            f"{self.policy} can schedule: {self.runs} runs, {self.jobs} jobs, "
            f"{self.decisions} decisions",
            f"  the slowest decision took {self.slowest_s * 1e3:.2f} ms",
            f"  at most {self.passed_over} later jobs were started before one that waited",
        ]
        return "\n".join([*lines, *(f"  note: {warning}" for warning in self.warnings)])
