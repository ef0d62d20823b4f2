"""The local node: a real Kubernetes in namespaces of its own, made of ordinary processes."""
