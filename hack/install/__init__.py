"""Bringing the operator into the cluster of `make up`, and taking it out again."""
