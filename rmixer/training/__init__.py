"""The training step, and the process it runs in."""
