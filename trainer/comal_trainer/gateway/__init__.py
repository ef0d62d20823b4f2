"""One way from a namespace to the registry elsewhere in which its models lie."""
