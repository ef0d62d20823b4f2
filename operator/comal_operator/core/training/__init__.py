"""What a TrainingRun needs next."""
