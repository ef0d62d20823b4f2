"""`make bench-scorer`: the scorer beside its peers, in one run on one machine."""
