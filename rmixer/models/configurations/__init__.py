"""The models as configured, a file for each family: data, not code."""
