"""The phases of a job, and how much of each it does."""

from __future__ import annotations

from rmixer.model_profile.model_profile import StepCost
from rmixer.scheduling.pauses import Pauses, pauses_of
from rmixer.scheduling.problem import ProfiledJob

MOST_PAUSES = 16
"""Into so many pauses the evaluations and checkpoints of a job are put together, at most: the
events of a job that is evaluated a thousand times are then not a thousand."""
Phase = tuple[str, float, int]
"""Its name, its amount, and the training steps that it makes."""


def phases_of(each: ProfiledJob, cost: StepCost) -> list[Phase]:
    """What the job does, in order, where a step costs ``cost``. The amount is that of steps in
    ``train``, and of any other phase how often all of it is done: once, but of a warm-up that the
    job's few steps cut short, and of evaluations and checkpoints as many as there are."""
    job, whole = each.job, each.profile.warmup_steps
    warmup = min(whole, job.steps)
    pauses = pauses_of(job, each.profile, cost)
    return [
        ("build", 1.0, 0),
        ("warmup", warmup / whole if warmup else 0.0, warmup),
        *_training(job.steps, warmup, pauses, job.evaluation.every_steps or 0),
        ("evaluate", pauses.evaluation, 0),
        ("save", 1.0, 0),
    ]


def _training(steps: int, warmup: int, pauses: Pauses, every_steps: int) -> list[Phase]:
    """Stretches of training, and between two of them what the job pauses for."""
    count = min(MOST_PAUSES, max(pauses.evaluations, pauses.checkpoints))
    last = every_steps * pauses.evaluations or steps * count / (count + 1)
    found: list[Phase] = []
    made = warmup
    for pause in range(1, count + 1):
        at = max(made, round(last * pause / count))
        found.append(("train", float(at - made), at - made))
        found.append(("evaluate", pauses.evaluation * pauses.evaluations / count, 0))
        found.append(("checkpoint", pauses.checkpoint * pauses.checkpoints / count, 0))
        made = at
    found.append(("train", float(steps - made), steps - made))
    return [phase for phase in found if phase[1] > 0]
