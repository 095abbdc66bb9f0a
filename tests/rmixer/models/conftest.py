"""DeepCTR-Torch, which some tests compare with, asks PyPI for its newest version when it is
imported, by a package that it does not require. Here it asks nobody."""

from __future__ import annotations

import sys
from types import ModuleType

_utils = ModuleType("deepctr_torch.utils")
_utils.check_version = lambda version: None  # type: ignore[attr-defined]
sys.modules.setdefault("deepctr_torch.utils", _utils)
