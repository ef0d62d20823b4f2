"""What developing and testing needs on this machine, beside the cluster itself."""
