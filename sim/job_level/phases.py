"""The phases of a job and their amounts."""

from __future__ import annotations

from rmixer.model_profile.model_profile import StepCost
from rmixer.scheduling.pauses import Pauses, pauses_of
from rmixer.scheduling.problem import ProfiledJob

MOST_PAUSES = 16
"""The evaluations and checkpoints of a job are grouped into at most this many pauses, which bounds
the events of a job that is evaluated a thousand times."""
Phase = tuple[str, float, int]
"""Its name, its amount, and its number of training steps."""


def phases_of(each: ProfiledJob, cost: StepCost) -> list[Phase]:
    """The phases of the job in order, as (phase, amount, steps), where a step costs ``cost``. The
    amount of ``train`` is in steps. That of any other phase is how often all of it is done: a part
    of 1 for a warm-up that the job's few steps cut short, a count for evaluations and checkpoints,
    and 1 otherwise."""
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
    """Stretches of training, and the evaluations and checkpoints between them."""
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
