"""A run as one HTML page: what was trained, how it ran, how well it was predicted."""
