"""How what lies in a registry is addressed."""

from __future__ import annotations

from comal_operator.core.registry.objects import reader_url


def repository(model: str) -> str:
    """Return the repository of a model inside its registry."""
    return f"models/{model}"


def location(registry: str, model: str) -> str:
    """Return what a ModelVersion's `spec.location` says."""
    return f"{reader_url(registry)}/{repository(model)}"


def split_location(text: str) -> tuple[str, str]:
    """Return (url, repository) of a ModelVersion's `spec.location`."""
    scheme, _, rest = text.partition("://")
    host, _, path = rest.partition("/")
    return f"{scheme}://{host}", path
