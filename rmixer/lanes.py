"""The parts of a training step, and where they run."""

from __future__ import annotations

PHASES = ("input", "copy", "forward", "backward", "optimizer")
"""In the order of a step."""
LANES = ("cpu", "gpu", "link")
"""The host's cores, a GPU, and what brings data from one to the other."""
