"""Simpler answers to how fast jobs step together: for ablations and for ranking."""
