"""What runs in scoring Pods: fetch a model by digest, prove it, answer requests with it."""

__version__ = "0.1.0"
