"""Operators of a profile for readers: by class, by share of a step, under a roofline."""
