"""The second scorer image on the node: what no other image can serve."""
