"""Policies of other published systems."""
