"""Decisions: pure functions from (object, what was seen, now) to a plan."""
