"""Failures found by :func:`rmixer.testing.check_model` and :func:`rmixer.testing.check_policy`.
Each message says how to fix it."""

from __future__ import annotations


class CheckFailed(AssertionError):  # noqa: N818 - a finding
    """The model cannot be profiled and trained as it is, or the policy cannot schedule."""


class WrongReturn(CheckFailed):
    """``build`` or one of its functions returns a wrong value."""


class WrongBatch(CheckFailed):
    """The batches do not have ``job.batch`` samples (the last of a pass may have fewer)."""


class WrongLoss(CheckFailed):
    """The loss is not finite."""


class NotTrained(CheckFailed):
    """Parameters that no gradient reaches, or that no optimizer changes."""


class NotRepeatable(CheckFailed):
    """The same seed does not give the same losses."""


class ChangingOperators(CheckFailed):
    """Not every step runs the same operators."""


class MemoryGrows(CheckFailed):
    """Every step leaves memory behind."""


class NotSaved(CheckFailed):
    """The trained weights cannot be saved and loaded as plain weights."""


class NotResumable(CheckFailed):
    """A job that is stopped and resumed from its checkpoint differs from one that was not."""


class NoPolicy(CheckFailed):
    """There is no such policy, or it is not complete."""


class WrongAnswer(CheckFailed):
    """The policy's answer cannot be carried out: not a dispatch, a job that does not wait, an
    unknown device, a taken slot, too little memory."""


class WrongLayout(CheckFailed):
    """The policy asks for slots that the machine does not have."""


class Starves(CheckFailed):
    """The policy leaves jobs waiting on an idle machine."""


class KeepsState(CheckFailed):
    """The policy keeps state between decisions."""


class NotDeterministic(CheckFailed):
    """The policy decides differently from the same view with the same seed."""


class ChangesView(CheckFailed):
    """The policy changes its view."""
