"""The record of a run, simulated or real: intervals on a timeline, and a summary."""
