"""The parts of a training step, and where they run."""

from __future__ import annotations

PHASES = ("input", "copy", "forward", "backward", "optimizer")
"""In the order of a step."""
COMMUNICATION = "communication"
"""What an imported step does between processes outside of these."""
UNKNOWN_PHASE = "unknown"
"""How a phase is called that nothing tells."""
LANES = ("cpu", "gpu", "link")
"""The host's cores, a GPU, and what brings data from one to the other."""
