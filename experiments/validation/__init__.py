"""Predicted against measured: errors, noise floor, verdict."""
