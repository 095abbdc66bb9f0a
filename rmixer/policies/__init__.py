"""Scheduling policies, one a file; the same object decides in simulation and for real."""

from rmixer.policies.base import Policy
from rmixer.policies.registry import POLICIES, make_policy
from rmixer.policies.view import (
    ClusterView,
    DeviceCost,
    DeviceView,
    Dispatch,
    JobView,
    Resident,
)

__all__ = [
    "POLICIES",
    "ClusterView",
    "DeviceCost",
    "DeviceView",
    "Dispatch",
    "JobView",
    "Policy",
    "Resident",
    "make_policy",
]
