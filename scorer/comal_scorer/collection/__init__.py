"""Inputs and predictions kept for those who watch a model, beside the answering of requests."""
