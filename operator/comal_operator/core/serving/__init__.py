"""What a ModelDeployment needs next."""
