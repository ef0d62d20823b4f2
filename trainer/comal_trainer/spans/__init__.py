"""Takes the spans of an endpoint as OTLP and passes them on to Azure Monitor."""
