"""Profiles that come from a trace alone."""
