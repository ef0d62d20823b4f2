"""What runs in scoring Pods: fetch a model by digest, prove it, answer requests with it."""
