"""The machine itself: its limits and rates, who else is on it, and neighbours made to measure."""
