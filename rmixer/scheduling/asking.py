"""Calls a policy: catches errors of a user's code and checks the form of its answers.

The books check later if an answer can be carried out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from inspect import isgenerator
from typing import Any, get_args

from rmixer.display.printable import printable
from rmixer.errors import InputError, PolicyFailed, PolicyWrong
from rmixer.hardware.machine import Machine
from rmixer.scheduling.layout import Cut, DeviceSlots, Layout
from rmixer.scheduling.policy import Policy
from rmixer.scheduling.view import Barrier, ClusterView, Dispatch
from rmixer.training.user_code import UserCode, UserCodeFailed, explained

LONGEST_ANSWER = 200
"""Characters of an answer that a message repeats."""


def ask(policy: Policy, view: ClusterView) -> Sequence[Dispatch]:
    """The jobs that ``policy`` starts now. Raises :class:`PolicyWrong` for an answer that is not a
    list of dispatches, :class:`PolicyFailed` for an error in a user's own code."""
    with called(type(policy), policy.origin):
        answer: object = policy.decide(view)
        sequence = isinstance(answer, Sequence) and not isinstance(answer, (str, bytes))
        dispatches = list(answer) if sequence else []  # type: ignore[call-overload]
    if not sequence:
        hint = " (it has a `yield`: return a list instead)" if isgenerator(answer) else ""
        allowed = "a list or tuple of Dispatch, empty to start nothing"
        raise PolicyWrong(f"{_decided(policy, answer)}{hint}; allowed: {allowed}")
    for dispatch in dispatches:
        _check_form(policy, dispatch)
    return dispatches


def ask_again_s(policy: Policy, view: ClusterView) -> float | None:
    """Seconds after which ``policy`` wants to be asked again; None: at the next event. Raises as
    :func:`ask`, also for a time that the clock cannot move by."""
    with called(type(policy), policy.origin):
        wanted: object = policy.ask_again_s(view)
    if wanted is None:
        return None
    is_number = isinstance(wanted, (int, float)) and math.isfinite(wanted)
    if not is_number or not view.now_s + wanted > view.now_s:  # type: ignore[operator]
        allowed = "None, or a number of seconds above 0"
        raise PolicyWrong(
            f"policy {policy.origin!r}: ask_again_s answered {shown(wanted)}; allowed: {allowed}"
        )
    return float(wanted)  # type: ignore[arg-type]


def ask_layout(policy: Policy, machine: Machine, jobs: int, cut: Cut) -> Layout:
    """The slots on which ``policy`` runs ``jobs`` jobs. Raises as :func:`ask`; :meth:`Layout.check`
    checks that ``machine`` has them."""
    with called(type(policy), policy.origin):
        layout: object = policy.layout(machine, jobs, cut)
    if isinstance(layout, Layout) and layout.devices and all(map(_is_cut, layout.devices)):
        return layout
    allowed = "a Layout of DeviceSlots, with 1 or more slots and threads each"
    raise PolicyWrong(
        f"policy {policy.origin!r}: layout answered {shown(layout)}; allowed: {allowed}"
    )


@contextmanager
def called(kind: type[Policy], name: str) -> Iterator[None]:
    """Wraps every call into a policy: an error of a user's own policy becomes a
    :class:`PolicyFailed` with the traceback of the user's code alone. An :class:`InputError`
    passes: a policy may refuse its settings or a machine."""
    if kind.__module__.partition(".")[0] == "rmixer":
        yield
        return
    try:
        with UserCode():
            yield
    except UserCodeFailed as failed:
        if isinstance(failed.error, InputError):
            raise failed.error from None
        line, text = explained(failed)
        said = printable(f"policy {name!r}: {line}\n{text.rstrip()}")
        raise PolicyFailed(said, failed.error) from None


def shown(value: object) -> str:
    """``value`` for a message: in one line of limited length."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a user's own __repr__
        text = f"an object of {type(value).__name__}"
    return printable(text, LONGEST_ANSWER)


def _decided(policy: Policy, answer: object) -> str:
    return f"policy {policy.origin!r}: decide answered {shown(answer)}"


def _check_form(policy: Policy, dispatch: object) -> None:
    if not isinstance(dispatch, Dispatch):
        raise PolicyWrong(f"{_decided(policy, dispatch)} among others; allowed: a Dispatch")
    for name, (is_fine, allowed) in _FORM.items():
        found = getattr(dispatch, name)
        if not is_fine(found):
            said = f"a Dispatch with {name}={shown(found)}"
            raise PolicyWrong(
                f"policy {policy.origin!r}: decide answered {said}; allowed: {allowed}"
            )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _are_names(value: object) -> bool:
    return isinstance(value, tuple) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_cut(entry: object) -> bool:
    if not isinstance(entry, DeviceSlots) or not _is_text(entry.device):
        return False
    return all(_is_count(count) and count > 0 for count in (entry.slots, entry.threads))


def _or_none(is_fine: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or is_fine(value)


_FORM: dict[str, tuple[Callable[[Any], bool], str]] = {
    "job": (_is_text, "the id of a job, as job.id"),
    "devices": (_are_names, "a tuple of names of devices, as (device.name,)"),
    "placement": (_is_text, "a word"),
    "tag": (_is_text, "a text"),
    "slot": (_or_none(_is_count), "the number of a slot, None for the first that is free"),
    "threads": (_or_none(_is_count), "a whole number, None for all threads of the slot"),
    "sharing": (_or_none(_is_text), "a word, None for that of the layout"),
    "round": (_is_count, "a whole number, 0 or more"),
    "barrier": (lambda value: value in get_args(Barrier), "'machine' or 'device'"),
}
"""The valid values of the fields of a dispatch."""
