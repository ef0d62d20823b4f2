"""What the installation decides, read from the environment once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from comal_operator.core.plan import Settings


class SettingError(Exception):
    """A variable of the environment is missing or wrong."""


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """How this process runs; `decisions` is what decisions need of it."""

    namespaces: tuple[str, ...]
    """The namespaces to watch; none means all."""
    identity: str
    port: int
    memory_limit: int
    log_level: str
    decisions: Settings


def read_settings(
    environment: Mapping[str, str], *, own_namespace: str | None, identity: str
) -> ProcessSettings:
    """Return the settings; raise SettingError naming the variable and the remedy."""
    images = {
        key: _required(environment, f"COMAL_{key.upper()}")
        for key in ("trainer_image", "scorer_image", "router_image", "registry_image")
    }
    namespace = environment.get("COMAL_OPERATOR_NAMESPACE") or own_namespace
    if not namespace:
        raise SettingError(
            "COMAL_OPERATOR_NAMESPACE is not set: name the namespace that holds the Lease"
        )
    watched = environment.get("COMAL_NAMESPACES", "").replace(",", " ").split()
    return ProcessSettings(
        namespaces=tuple(watched),
        identity=identity,
        port=_number(environment, "COMAL_PORT", 8080),
        memory_limit=_number(environment, "COMAL_MEMORY_LIMIT_MIB", 1024) << 20,
        log_level=environment.get("COMAL_LOG_LEVEL", "INFO").upper(),
        decisions=Settings(operator_namespace=namespace, **images),
    )


def _required(environment: Mapping[str, str], name: str) -> str:
    if value := environment.get(name):
        return value
    raise SettingError(f"{name} is not set: name an image, as ConfigMap comal-images does")


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if text.isdigit() and int(text) > 0:
        return int(text)
    raise SettingError(f"{name} is {text!r}: it must be a whole number above 0")
