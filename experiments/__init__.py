"""Predict, execute and compare: the stages of a run, its tables, figures and report."""
