"""Callers without a pause while everything around them changes: what they lose, what is wrong."""
