"""The report of :func:`rmixer.testing.check_policy` on a policy that passed."""

from __future__ import annotations

from dataclasses import dataclass


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
