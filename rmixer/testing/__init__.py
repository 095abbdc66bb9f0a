"""For the tests of a user's own model."""

from rmixer.testing.checking import check_model
from rmixer.testing.failures import (
    ChangingOperators,
    CheckFailed,
    MemoryGrows,
    NotRepeatable,
    NotSaved,
    NotTrained,
    WrongBatch,
    WrongLoss,
    WrongReturn,
)
from rmixer.testing.report import ModelReport
from rmixer.testing.trial_job import TrialJob

__all__ = [
    "ChangingOperators",
    "CheckFailed",
    "MemoryGrows",
    "ModelReport",
    "NotRepeatable",
    "NotSaved",
    "NotTrained",
    "TrialJob",
    "WrongBatch",
    "WrongLoss",
    "WrongReturn",
    "check_model",
]
