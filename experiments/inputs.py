"""What a prediction starts from: the workload, the machine, and the profiles of every job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from profiles.batch_prediction import TooFewSizesError, predict_batch
from profiles.command_profiler import command_seconds, profile_command
from profiles.disturbance import report_disturbed
from profiles.duration import profiling_seconds
from profiles.feasible import check_samples
from profiles.measure_machine import MEASURE_MACHINE_S
from profiles.profiler import profile_jobs
from profiles.provenance import report_provenance
from profiles.rounds import Plan
from profiles.store import Store
from rmixer.cost_identity import CostIdentity, cost_identity
from rmixer.errors import InputError, RunFailed
from rmixer.layout import Layout
from rmixer.machine import Machine
from rmixer.policies import Policy
from rmixer.profile import ModelProfile
from rmixer.workload import Job, Workload


@dataclass(frozen=True)
class Inputs:
    """A workload, a machine without the devices that the profiles know nothing of, and the
    profiles by key."""

    workload: Workload
    machine: Machine
    profiles: Mapping[str, ModelProfile]


def inputs_of(
    workload: Workload, machine: str | None, store: Store, report: Callable[[str], None]
) -> Inputs:
    """The inputs of a prediction, from profiles that exist, or that others of the same model
    predict at its batch; of another machine also from those of other code, for here they cannot be
    taken anew. Raises :class:`InputError` where one is missing. ``machine`` is a known machine's
    name or folder, None for this one."""
    for job in workload.jobs:
        if job.in_registry:
            check_samples(job)
    known = store.machine(machine) if machine else store.this_machine(report)
    is_this_one = known == store.known_machine()
    profiles, unknown = store.load(workload.jobs, known)
    missing = []
    for job in unknown:
        identity = cost_identity(job)
        found = _predicted(store, known, identity, report)
        if found is None and not is_this_one:
            found = _of_other_code(store, known, identity, report)
        if found is None:
            stale = store.stale(known.name, identity)
            missing.append(f"{identity.key} (it {stale})" if stale else identity.key)
        else:
            profiles[identity.key] = found
    if missing:
        names = ", ".join(missing)
        allowed = "profiled models: `rmixer profile run --workload` measures what is missing"
        raise InputError(f"machine {known.name}", "profiles", f"none of {names}", allowed)
    report_provenance(profiles.values(), known, is_this_one, report)
    report_disturbed(profiles.values(), report)
    for name in sorted({job.profile for job in workload.jobs if job.profile}):
        report(f"{name} is imported: stalls, pressure and phases but training are left out")
    if known.origin == "modelled":
        report(f"machine {known.name} is modelled: no figure of it was measured")
    return Inputs(workload, profiled_devices(known, profiles), profiles)


def _predicted(
    store: Store, machine: Machine, identity: CostIdentity, report: Callable[[str], None]
) -> ModelProfile | None:
    """What profiles at other batches predict, if there are enough of them."""
    others = store.other_batches(machine.name, identity)
    try:
        predicted = predict_batch(others, identity, machine)
    except TooFewSizesError:
        return None
    *first, last = map(str, predicted.predicted_from)
    sizes = f"{', '.join(first)} and {last}"
    known = predicted.predicted_from
    beyond = max(identity.batch / max(known), min(known) / identity.batch)
    far = f", which it is {beyond:.3g} times beyond" if beyond > 1 else ""
    report(f"{identity.key}: not profiled, predicted from batches {sizes}{far}")
    return predicted


def _of_other_code(
    store: Store, machine: Machine, identity: CostIdentity, report: Callable[[str], None]
) -> ModelProfile | None:
    """The same, measured or predicted, but for the code of the training step."""
    for source in store.other_sources(machine.name, identity):
        older = replace(identity, source=source)
        found = store.find(machine.name, older.key) or _predicted(store, machine, older, report)
        if found is not None:
            report(f"{older.key}: profiled with other code of the training step than this")
            return replace(found, identity=identity)
    return None


def executed_inputs(workload: Workload, store: Store, report: Callable[[str], None]) -> Inputs:
    """As :func:`inputs_of`, for an execution on this machine."""
    inputs = inputs_of(workload, None, store, report)
    return replace(inputs, machine=trained_devices(inputs.machine))


def choose_layout(inputs: Inputs, policy: Policy, slots: int | None, threads: int) -> Layout:
    """The layout of ``policy`` with ``slots`` slots per device, as many as the cores suffice for
    unless given; raises :class:`InputError` where they do not suffice."""
    machine = inputs.machine
    places = len(machine.gpus) or 1
    each = slots or max(1, len(machine.cores) // (threads * places))
    layout = policy.layout(machine, len(inputs.workload.jobs), each, threads)
    if any(entry.threads != threads for entry in layout.devices):  # the policy's own cut
        layout = layout.profiled(profiled_threads(inputs.profiles))
    layout.check(machine, "--slots, --threads")
    return layout


def profiled_threads(profiles: Mapping[str, ModelProfile]) -> list[int]:
    """The thread counts that every profile has."""
    counts = [{step.threads for step in profile.steps} for profile in profiles.values()]
    return sorted(set.intersection(*counts)) if counts else []


def profiled_devices(machine: Machine, profiles: Mapping[str, ModelProfile]) -> Machine:
    """``machine`` without its GPUs unless every profile has figures for a GPU."""
    if machine.gpus and not all("gpu" in profile.costs() for profile in profiles.values()):
        return replace(machine, gpus=())
    return machine


def trained_devices(machine: Machine) -> Machine:
    """``machine`` as jobs can be executed on it: without its GPUs, which can be profiled and
    simulated, but not yet trained on."""
    return replace(machine, gpus=())


def default_threads(machine: Machine) -> tuple[int, ...]:
    """One thread, and all cores."""
    return tuple(sorted({1, len(machine.cores)}))


@dataclass(frozen=True)
class ProfilingPlan:
    """The jobs whose cost identities have no profile yet, how each is measured, and about how
    long that takes."""

    missing: Sequence[Job]
    threads: Sequence[int]
    seconds: float
    plan: Plan = field(default_factory=Plan)


def plan_profiling(
    workload: Workload,
    machine: Machine,
    store: Store,
    threads: Sequence[int],
    plan: Plan | None = None,
    again: bool = False,
) -> ProfilingPlan:
    """What is missing for ``workload`` at ``threads``; all of it to be taken ``again``."""
    plan = plan or Plan()
    _, missing = store.load(workload.jobs, machine, threads, plan.neighbours)
    if again:
        missing = _distinct(workload)
    on_gpu = bool(machine.gpus)
    seconds = _seconds(missing, len(machine.cores), threads, plan, on_gpu)
    return ProfilingPlan(missing, threads, seconds, plan)


def plan_from_nothing(workload: Workload, cores: int) -> ProfilingPlan:
    """What is missing where not even the machine is known: all of it, and the machine."""
    threads = tuple(sorted({1, cores}))
    missing = _distinct(workload)
    seconds = MEASURE_MACHINE_S + _seconds(missing, cores, threads, Plan())
    return ProfilingPlan(missing, threads, seconds)


def _distinct(workload: Workload) -> list[Job]:
    """One job for each cost identity that can be profiled."""
    jobs = [job for job in workload.jobs if not job.profile]
    return list({cost_identity(job).key: job for job in jobs}.values())


def _seconds(
    jobs: Sequence[Job], cores: int, threads: Sequence[int], plan: Plan, on_gpu: bool = False
) -> float:
    """At most how long profiling ``jobs`` takes."""
    programs = sum(job.command is not None for job in jobs)
    model_s = profiling_seconds(cores, threads, plan, on_gpu)
    return (len(jobs) - programs) * model_s + programs * command_seconds(threads, plan)


def profile_missing(
    plan: ProfilingPlan,
    machine: Machine,
    store: Store,
    report: Callable[[str], None],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Profile what ``plan`` lists, their data being prepared. Each profile is kept as soon as it is
    made, so that an interrupted call goes on where it was. A job that fails keeps no other from
    being profiled; raises :class:`RunFailed` after the last."""
    jobs = [job for job in plan.missing if job.command is None]
    programs = [job for job in plan.missing if job.command is not None]
    profiles = chain(
        profile_jobs(jobs, machine, plan.threads, plan.plan, report) if jobs else (),
        (_profiled_program(job, machine, plan, report) for job in programs),
    )
    failed = []
    progress(0, len(plan.missing))
    for done, (job, found) in enumerate(zip(jobs + programs, profiles, strict=True), start=1):
        try:
            if isinstance(found, RunFailed):
                raise found
            store.save(found)
        except (RunFailed, InputError) as failure:  # the latter: what was measured cannot be
            report(f"{job.id}: {failure}")
            failed.append(job.id)
        progress(done, len(plan.missing))
    if failed:
        raise RunFailed(f"not profiled: {', '.join(failed)} (of {len(plan.missing)}); see above")


def _profiled_program(
    job: Job, machine: Machine, plan: ProfilingPlan, report: Callable[[str], None]
) -> ModelProfile | RunFailed:
    try:
        return profile_command(job, machine, plan.threads, plan.plan, report)
    except RunFailed as failure:
        return failure
