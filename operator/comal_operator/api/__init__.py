"""What crosses the Kubernetes API: the types of our kinds, the one truth for the CRDs."""
