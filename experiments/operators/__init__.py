"""Operators of a profile as a reader wants them: by class, by share of a step, under a roofline."""
