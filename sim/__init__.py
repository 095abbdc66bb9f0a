"""Stage 2: the simulator. What a schedule would do, from what its steps cost."""

from sim.cluster import Level, SimulatedRun, simulate
from sim.mix import OperatorLevel, Precision
from sim.uncontended import Recorded, SumOfOperators, Uncontended

__all__ = [
    "Level",
    "OperatorLevel",
    "Precision",
    "Recorded",
    "SimulatedRun",
    "SumOfOperators",
    "Uncontended",
    "simulate",
]
