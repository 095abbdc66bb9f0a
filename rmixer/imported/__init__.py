"""Measurements of other software: profiles from a trace, durations from a table."""
