"""What :func:`rmixer.testing.check_model` finds wrong, each with how to mend it in words."""

from __future__ import annotations


class CheckFailed(AssertionError):  # noqa: N818 - a finding
    """The model cannot be profiled and trained as it is."""


class WrongReturn(CheckFailed):
    """``build`` or one of its functions returns what it should not."""


class WrongBatch(CheckFailed):
    """The batches are not of ``job.batch`` samples."""


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
