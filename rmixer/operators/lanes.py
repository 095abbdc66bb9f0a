"""The phases of a training step, and the lanes where they run."""

from __future__ import annotations

PHASES = ("input", "copy", "forward", "backward", "optimizer")
"""In the order of a step."""
COMMUNICATION = "communication"
"""The phase of an imported step in which processes exchange data."""
UNKNOWN_PHASE = "unknown"
"""The name of an unknown phase."""
LANES = ("cpu", "gpu", "link")
"""The host's cores, a GPU, and the link that moves data between them."""
