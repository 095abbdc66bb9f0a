"""The supervisor that drives a policy on the real clock, and what it listens to."""
