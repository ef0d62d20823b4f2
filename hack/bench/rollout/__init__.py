"""The endpoint's own figures on a real cluster, beside those that others publish."""
