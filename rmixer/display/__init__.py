"""Formats quantities and tables for people."""
