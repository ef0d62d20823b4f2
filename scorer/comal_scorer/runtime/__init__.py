"""Models that predict: one module for each runtime, behind the same few methods."""
