"""Policies to compare with: one job at a time, all at once, a plan."""
