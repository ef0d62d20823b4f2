"""Building the five images of the Dockerfile with whatever builder the machine has."""
