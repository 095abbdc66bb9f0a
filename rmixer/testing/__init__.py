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

__all__ = [
    "ChangingOperators",
    "CheckFailed",
    "MemoryGrows",
    "ModelReport",
    "NotRepeatable",
    "NotSaved",
    "NotTrained",
    "WrongBatch",
    "WrongLoss",
    "WrongReturn",
    "check_model",
]
