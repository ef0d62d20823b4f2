"""What Comal does in Azure ML, by Azure's own SDKs, in Jobs of the user's namespace."""
