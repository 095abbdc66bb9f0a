"""What :func:`rmixer.testing.check_model` and :func:`rmixer.testing.check_policy` find wrong, each
with how to mend it in words."""

from __future__ import annotations


class CheckFailed(AssertionError):  # noqa: N818 - a finding
    """The model cannot be profiled and trained as it is, or the policy cannot schedule."""


class WrongReturn(CheckFailed):
    """``build`` or one of its functions returns what it should not."""


class WrongBatch(CheckFailed):
    """The batches are not of ``job.batch`` samples, nor of fewer where a pass ends."""


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
    """A job that is stopped and goes on from its checkpoint does not do what it had done."""


class NoPolicy(CheckFailed):
    """There is no such policy, or it is not whole."""


class WrongAnswer(CheckFailed):
    """The policy answers what cannot be done: no dispatch, a job that does not wait, a device that
    is not there, a slot that is taken, too little memory."""


class WrongLayout(CheckFailed):
    """The policy wants slots that the machine does not have."""


class Starves(CheckFailed):
    """The policy leaves jobs waiting on an idle machine."""


class KeepsState(CheckFailed):
    """The policy keeps something between decisions."""


class NotDeterministic(CheckFailed):
    """The policy decides otherwise from the same view with the same seed."""


class ChangesView(CheckFailed):
    """The policy changes what it is shown."""
