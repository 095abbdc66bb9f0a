"""The machine itself: its limits and rates, other programs on it, and bubbles for measurements."""
