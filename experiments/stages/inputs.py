"""The inputs of a prediction: the workload, the machine, and the profiles of every job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from experiments.stages.supposed import supposed
from profiles.assembling.disturbance import report_disturbed
from profiles.batches.batch_prediction import each_left_out, predict_batch
from profiles.batches.known_sizes import TooFewSizesError
from profiles.machines import limits
from profiles.machines.gpu_meter import GpuMeter
from profiles.stored.provenance import report_provenance
from profiles.stored.store import Store
from profiles.traces.left_out import warnings_of
from rmixer.errors import InputError
from rmixer.hardware.machine import Machine, gpu_number
from rmixer.hardware.what_if import WhatIf
from rmixer.imported.imported_profile import find_imported
from rmixer.model_profile.model_profile import ModelProfile
from rmixer.scheduling.admission import check_memory
from rmixer.scheduling.devices import devices_in_use
from rmixer.scheduling.layout import DeviceSlots, Layout
from rmixer.scheduling.problem import Problem, ProfiledJob, problem_of
from rmixer.workload.cost_identity import CostIdentity
from rmixer.workload.rebatching import has_batch, with_batch
from rmixer.workload.workload import Workload


def inputs_of(
    workload: Workload,
    machine: str | None,
    store: Store,
    report: Callable[[str], None],
    what_if: WhatIf | None = None,
    batches: bool = False,
) -> Problem:
    """Loads the profile of every job, or predicts it from other batch sizes of the same model.

    Of another machine it also takes profiles of other code, for here they cannot be taken anew. The
    machine comes with the devices that the jobs can use. ``machine`` is a known machine's name or
    folder, None for this one; both it and the profiles are then as ``what_if`` supposes them.
    With ``batches`` it has every job at all sizes that are profiled there besides its own.
    Raises :class:`InputError` if a profile is missing. What is wrong with a job by itself, and what
    this machine cannot do, a command has refused by now.
    """
    jobs = workload.jobs
    if machine is None and store.known_machine() is None and not all(j.profile for j in jobs):
        allowed = "profiled models: `rmixer profile run --workload` measures this machine and them"
        raise InputError("this machine", "profiles", "none: it was not measured yet", allowed)
    known = store.machine(machine) if machine else store.this_machine(report)
    is_this_one = known == store.known_machine()
    profiles, unknown = store.load(jobs, known)
    missing = []
    for job in unknown:
        identity = job.identity
        found = told_by_others(store, known, identity, report, is_this_one)
        if found is None:
            stale = store.stale(known.name, identity)
            missing.append(f"{identity.key} (it {stale})" if stale else identity.key)
        else:
            profiles[identity.key] = found
    if missing:
        names = ", ".join(missing)
        allowed = "profiled models: `rmixer profile run --workload` measures what is missing"
        raise InputError(f"machine {known.name}", "profiles", f"none of {names}", allowed)
    own = set(profiles)
    others = other_sizes(workload, profiles, store, known) if batches else ()
    if batches and not others:
        report("no job has a second profiled batch, so no batch is changed")
    profiles.update((each.key, each.profile) for each in others)
    report_provenance(profiles.values(), known, is_this_one, report)
    report_disturbed(profiles.values(), report)
    for name in sorted({job.profile for job in jobs if job.profile}):
        report(f"{name} is imported: it has no stalls, no pressure, and only the training phase")
        for text in warnings_of(find_imported(name)):
            report(text)
    if known.origin == "modelled":
        report(f"machine {known.name} is modelled: its values were not measured")
    known, profiles = supposed(what_if or WhatIf(), known, profiles, report)
    in_use = devices_in_use(known, [profiles[key] for key in own])
    sizes = tuple(replace(each, profile=profiles[each.key]) for each in others)
    problem = problem_of(workload, in_use, profiles)
    return replace(problem, noise=store.noise(known), others=sizes)


def other_sizes(
    workload: Workload, profiles: Mapping[str, ModelProfile], store: Store, machine: Machine
) -> tuple[ProfiledJob, ...]:
    """Every job of ``workload`` at each other batch that is profiled on ``machine``, on all devices
    and at all counts of threads that its own profile has, and on no other device."""

    def places(profile: ModelProfile) -> set[tuple[str, int]]:
        return {(step.device, step.threads) for step in profile.steps}

    found: dict[str, list[ModelProfile]] = {}
    others: list[ProfiledJob] = []
    for job in workload.jobs:
        key = job.identity.key
        if key not in found:
            of_model = store.other_batches(machine.name, job.identity) if has_batch(job) else []
            found[key] = [
                each
                for each in sorted(of_model, key=lambda each: each.identity.batch)
                if places(each) >= places(profiles[key])
                and each.costs().keys() == profiles[key].costs().keys()
            ]
        sized = (with_batch(job, each.identity.batch) for each in found[key])
        others += map(ProfiledJob, sized, (each.key for each in found[key]), found[key])
    return tuple(others)


def told_by_others(
    store: Store,
    machine: Machine,
    identity: CostIdentity,
    report: Callable[[str], None],
    is_this_one: bool,
) -> ModelProfile | None:
    """The profile of ``identity``, which is not profiled, predicted from other batch sizes; unless
    the machine ``is_this_one``, where it could be measured, also from those of other code. None if
    they are not enough."""
    found = _predicted(store, machine, identity, report)
    if found is None and not is_this_one:
        found = _of_other_code(store, machine, identity, report)
    return found


def _predicted(
    store: Store, machine: Machine, identity: CostIdentity, report: Callable[[str], None]
) -> ModelProfile | None:
    """The prediction from profiles at other batches, if there are enough of them."""
    others = store.other_batches(machine.name, identity)
    try:
        predicted = predict_batch(others, identity, machine)
    except TooFewSizesError:
        return None
    *first, last = map(str, predicted.predicted_from)
    sizes = f"{', '.join(first)} and {last}"
    known = predicted.predicted_from
    beyond = max(identity.batch / max(known), min(known) / identity.batch)
    far = f" ({beyond:.3g} times beyond them)" if beyond > 1 else ""
    used = [profile for profile in others if profile.identity.batch in known]
    errors = [abs(each.error) for each in each_left_out(used, machine)]
    expected = ""
    if errors:
        expected = f"; each of these is predicted within {max(errors):.1%} from the others"
    report(f"{identity.key}: not profiled, predicted from batches {sizes}{far}{expected}")
    report_disturbed(used, report)
    return store.settled(predicted, machine)


def _of_other_code(
    store: Store, machine: Machine, identity: CostIdentity, report: Callable[[str], None]
) -> ModelProfile | None:
    """The same, measured or predicted, with other code of the training step."""
    for source in store.other_sources(machine.name, identity):
        older = replace(identity, source=source)
        found = store.find(machine.name, older.key) or _predicted(store, machine, older, report)
        if found is not None:
            report(f"{older.key}: profiled with an older version of the training step")
            return replace(store.settled(found, machine), identity=identity)
    return None


def check_free_memory(workload: Workload, store: Store, machine: Machine) -> None:
    """Raises :class:`InputError` for a profiled job of ``workload`` that does not fit the free
    memory of ``machine``, which is this one."""
    profiles, _ = store.load(workload.jobs, machine)
    jobs = tuple(job for job in workload.jobs if job.identity.key in profiles)
    known = problem_of(replace(workload, jobs=jobs), machine, profiles)
    everywhere = Layout(tuple(DeviceSlots(device.name, 1, 1) for device in machine.devices))
    check_memory(known, everywhere, held_bytes(machine))


def held_bytes(machine: Machine) -> Mapping[str, int]:
    """The memory of the devices of ``machine``, which is this one, that others hold now; for GPUs
    only if the driver says it."""
    held = {"cpu:0": limits.used_memory_bytes()}
    for device in machine.devices:
        number = gpu_number(device.name)
        meter = None if number is None else GpuMeter.open(number)
        if meter is not None:
            held[device.name] = meter.used_bytes()
            meter.close()
    return held
