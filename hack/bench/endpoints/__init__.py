"""What many endpoints cost the operator, at rest and while some of them roll out."""
