"""The simulator of one mix: its members walk their operators under contention."""
