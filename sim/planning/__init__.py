"""Evaluates schedules by the thousand: makespans without a record."""
