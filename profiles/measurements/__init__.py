"""Rounds and blocks of steps, alone and with neighbours, until the mean is known well enough."""
