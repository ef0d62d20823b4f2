"""The sample `taxi`: the fare of a ride by a forest of trees, as mlops-v2 has it."""
