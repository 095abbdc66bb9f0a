"""Muri (SIGCOMM'22): jobs that use different resources run together, in groups of up to four."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from rmixer.errors import RunFailed
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.step_times import Member, Mix, StepTimes
from rmixer.scheduling.view import MEMORY_MARGIN, ClusterView, DeviceView, Dispatch, JobView

LARGEST_GROUP = 4
Group = tuple[JobView, ...]


class Muri(Policy):
    """Groups of up to four by maximum-weight matching; a group at a time on each device.

    The speed of a group is the sum of its members' speeds, each in units of its speed alone, as the
    step times predict. The gain of joining two groups is the speed of their union minus the mean of
    both, which is the speed of taking turns. Pairs are matched, then pairs of pairs. The group that
    takes longest alone goes first.
    """

    name = "muri"
    source = "Muri (SIGCOMM'22)"
    weighs_pairs = True

    def decide(self, view: ClusterView) -> Sequence[Dispatch]:
        for device in view.devices.values():
            if not device.residents and (group := _next_group(view, device)):
                number = device.last_round + 1
                return [
                    Dispatch(job.id, (device.name,), round=number, barrier="device")
                    for job in group
                ]
        return ()


def _next_group(view: ClusterView, device: DeviceView) -> Group:
    """The group to start on an idle ``device``; empty if no job fits."""
    if view.step_times is None:
        raise RunFailed("muri needs the step times of pairs, and no simulation predicts them here")
    groups: list[Group] = [(job,) for job in view.waiting() if device.fits(job)]
    speeds = _Speeds(view.step_times, device)
    for _ in range(2):
        groups = _matched(groups, device, speeds)
    return max(groups, key=lambda group: _alone_s(group, device), default=())


def _matched(groups: Sequence[Group], device: DeviceView, speeds: _Speeds) -> list[Group]:
    """``groups`` after joining those with the largest total gain."""
    import networkx  # here: it takes a while to import

    graph = networkx.Graph()
    for first, second in combinations(range(len(groups)), 2):
        union = groups[first] + groups[second]
        if len(union) <= min(LARGEST_GROUP, device.slots) and _fit(union, device):
            gain = speeds.of(union) - (speeds.of(groups[first]) + speeds.of(groups[second])) / 2
            if gain > 0:
                graph.add_edge(first, second, weight=gain)
    pairs = sorted(sorted(pair) for pair in networkx.max_weight_matching(graph))
    joined = {place for pair in pairs for place in pair}
    alone = [group for place, group in enumerate(groups) if place not in joined]
    return [groups[first] + groups[second] for first, second in pairs] + alone


class _Speeds:
    """The speeds of groups on one device, each computed once: jobs of one identity are equal."""

    def __init__(self, step_times: StepTimes, device: DeviceView) -> None:
        self._step_times, self._device = step_times, device
        self._known: dict[tuple[str, ...], float] = {}

    def of(self, group: Group) -> float:
        """The sum of the members' speeds in units of their speeds alone."""
        key = tuple(sorted(job.identity for job in group))
        if key not in self._known:
            alone_s = [self._step_times.unit_s(Mix((self._member(name, 0),)))[0] for name in key]
            members = tuple(self._member(name, slot) for slot, name in enumerate(key))
            together_s = self._step_times.unit_s(Mix(members))
            self._known[key] = sum(
                alone / together for alone, together in zip(alone_s, together_s, strict=True)
            )
        return self._known[key]

    def _member(self, identity: str, slot: int) -> Member:
        threads = self._device.threads
        cores = tuple(range(slot * threads, (slot + 1) * threads))
        return Member(identity, "train", self._device.name, cores)


def _fit(group: Group, device: DeviceView) -> bool:
    booked = sum(round(MEMORY_MARGIN * job.costs[device.kind].peak_bytes) for job in group)
    return booked + device.booked_bytes < device.memory_bytes


def _alone_s(group: Group, device: DeviceView) -> float:
    return sum(job.costs[device.kind].alone_s(job.steps, device.threads) for job in group)
