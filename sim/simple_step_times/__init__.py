"""Simpler models of the step times of co-running jobs: for ablations and for ranking."""
