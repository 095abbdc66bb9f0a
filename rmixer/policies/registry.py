"""The policies by name."""

from __future__ import annotations

from rmixer.errors import InputError, choice
from rmixer.policies.baselines.all_at_once import AllAtOnce
from rmixer.policies.baselines.sequential import Sequential
from rmixer.policies.rmixer.device_rules import DEVICE_RULES
from rmixer.policies.rmixer.dy_rand import DyRand
from rmixer.policies.rmixer.dy_sequ import DySequ
from rmixer.policies.rmixer.dy_type import DyType
from rmixer.policies.rmixer.dynamic import Dynamic
from rmixer.scheduling.policy import Policy

POLICIES: dict[str, type[Policy]] = {
    policy.name: policy for policy in (Sequential, AllAtOnce, DySequ, DyRand, DyType)
}


def make_policy(name: str, seed: int = 0) -> Policy:
    """A fresh policy: ``name`` is a policy's name, or ``job@device`` for a dynamic policy with a
    device rule. A bare name takes the device rule of the same name, else that of ``dySequ``.
    Raises :class:`InputError` with the nearest known name."""
    job, at, device = name.partition("@")
    if job not in POLICIES:
        raise InputError("--policy", "", repr(name), choice(job, POLICIES))
    kind = POLICIES[job]
    if not at:
        if issubclass(kind, Dynamic):
            return kind(seed, job if job in DEVICE_RULES else "dySequ")
        return kind(seed)
    if not issubclass(kind, Dynamic):
        allowed = f"{job!r} alone: it takes no device rule"
        raise InputError("--policy", "", repr(name), allowed)
    if device not in DEVICE_RULES:
        allowed = f"after the @ {choice(device, DEVICE_RULES)}"
        raise InputError("--policy", "", repr(name), allowed)
    return kind(seed, device)
