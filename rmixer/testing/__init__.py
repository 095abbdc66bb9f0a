"""Checks for the tests of a user's own model or policy."""

from rmixer.testing.checking import check_model
from rmixer.testing.failures import (
    ChangesView,
    ChangingOperators,
    CheckFailed,
    KeepsState,
    MemoryGrows,
    NoPolicy,
    NotDeterministic,
    NotRepeatable,
    NotResumable,
    NotSaved,
    NotTrained,
    Starves,
    WrongAnswer,
    WrongBatch,
    WrongLayout,
    WrongLoss,
    WrongReturn,
)
from rmixer.testing.policy_checking import check_policy
from rmixer.testing.report import ModelReport, PolicyReport
from rmixer.testing.trial_job import TrialJob

__all__ = [
    "ChangesView",
    "ChangingOperators",
    "CheckFailed",
    "KeepsState",
    "MemoryGrows",
    "ModelReport",
    "NoPolicy",
    "NotDeterministic",
    "NotRepeatable",
    "NotResumable",
    "NotSaved",
    "NotTrained",
    "PolicyReport",
    "Starves",
    "TrialJob",
    "WrongAnswer",
    "WrongBatch",
    "WrongLayout",
    "WrongLoss",
    "WrongReturn",
    "check_model",
    "check_policy",
]
