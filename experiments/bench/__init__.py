"""Benches: measurements of quality and speed, as commands for maintainers."""
