"""kubectl comal: what people do with rollouts and trainings from their terminal."""
