"""Classes of operators by their kind of work, for figures that cannot name every operator."""

from __future__ import annotations

import re
from typing import Protocol

from profiles.traces.trace_events import is_communication
from rmixer.operators.operator_cost import COMMUNICATION

GAPS = "between operators"
CLASSES = (
    "input and copies",
    "embedding rows",
    "matrix products",
    "moving data",
    "elementwise",
    "optimizer",
    COMMUNICATION,
    GAPS,
)

_ROWS = re.compile(r"embedding\w*|gather\w*|index\w*|scatter\w*|take\w*")
_PRODUCTS = re.compile(
    r"(add|b|badd)?(mm|mv|bmm)|linear|matmul|dot|einsum|conv\w*|"
    r"scaled_dot_product\w*|gru\w*|lstm\w*|rnn\w*"
)
_MOVES = re.compile(
    r"(alias|as_strided|cat|chunk|clone|contiguous|copy|detach|empty|expand|fill|flatten|full|"
    r"narrow|new|ones|pad|permute|repeat|reshape|resize|select|slice|split|squeeze|stack|t|to|"
    r"transpose|tril|triu|unbind|unflatten|unsqueeze|view|zero|zeros|constant_pad)"
    r"(_(\w+))?"
)


class Classified(Protocol):
    """An operator with its name and its phase; the phase is None if it is unknown."""

    @property
    def phase(self) -> str | None:
        """One of ``rmixer.operators.operator_cost.PHASES``, or another one of an imported step."""

    @property
    def operator(self) -> str:
        """``aten::mm``."""


def operator_class(cost: Classified) -> str:
    """One of ``CLASSES``: by phase for input, copies, the optimizer and communication outside of
    the passes, else by the operator's name, in place (``index_add_``) or not. Operators that are in
    no list work element by element or reduce."""
    if cost.phase in ("input", "copy"):
        return "input and copies"
    if cost.phase == "optimizer":
        return "optimizer"
    if cost.phase == COMMUNICATION or is_communication(cost.operator):
        return COMMUNICATION
    name = cost.operator.rpartition("::")[2].strip("_")
    if _ROWS.fullmatch(name):
        return "embedding rows"
    if _PRODUCTS.fullmatch(name):
        return "matrix products"
    return "moving data" if _MOVES.fullmatch(name) else "elementwise"
