"""Schedules judged by the thousand: their makespans without a record."""
