"""Scheduling policies, one a file; the same object decides in simulation and for real."""

from rmixer.model_profile.device_cost import DeviceCost
from rmixer.policies.registry import POLICIES, every_policy, make_policy, policy_names
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import ClusterView, DeviceView, Dispatch, JobView, Resident

__all__ = [
    "POLICIES",
    "ClusterView",
    "DeviceCost",
    "DeviceView",
    "Dispatch",
    "JobView",
    "Policy",
    "Resident",
    "every_policy",
    "make_policy",
    "policy_names",
]
