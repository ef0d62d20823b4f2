"""`make bench-training`: what a training run costs the cluster, and how soon it starts."""
