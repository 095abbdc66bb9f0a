"""Commands for people who maintain this repository: `python -m experiments.tools.NAME`."""
