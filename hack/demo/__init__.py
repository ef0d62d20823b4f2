"""The demonstration: train, serve, replace through a canary, refuse a worse model."""
