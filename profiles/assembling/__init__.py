"""Turns the measurements of workers into a profile: operators, gaps, closure, job type."""
