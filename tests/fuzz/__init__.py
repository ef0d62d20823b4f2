"""Calls that nobody would make, at a scorer of every contract: `python -m fuzz --calls 100000`."""
