"""What :func:`rmixer.testing.check_policy` saw of a policy that passed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PolicyReport:
    """Of a ``policy``: in how many ``runs`` it started how many ``jobs``, and how many
    ``decisions`` it was asked for; ``slowest_s`` is what the slowest took. ``passed_over`` is how
    many jobs that came later were at most started before one. ``warnings`` are worth knowing, but
    forbid nothing."""

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
