"""Quantities and tables as people read them."""
