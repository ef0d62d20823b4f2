"""What runs in training Jobs: the step contract, the built-in jobs and the sample pipelines."""
