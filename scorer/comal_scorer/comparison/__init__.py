"""Answers that are kept for a moment, so that those of two revisions can be compared."""
