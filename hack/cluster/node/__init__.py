"""The local node: a real one-node Kubernetes in namespaces of its own, made of ordinary processes."""
