"""What a ModelRegistry and a ModelVersion need next."""
