"""A Kubernetes cluster for development and tests: yours, kind's, or a node built from packages.

Standard library only: it runs before any virtual environment exists.
"""
