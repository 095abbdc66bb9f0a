"""Data sets: the real format's reader and a synthetic twin, one module each."""
