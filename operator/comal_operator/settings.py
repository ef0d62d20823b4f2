"""What the installation decides, read from the environment once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from comal_operator.core.plan import Settings
from comal_operator.core.presets import Preset, PresetError, read_presets
from comal_trainer.contract.progress import PROGRESS_PORT


class SettingError(Exception):
    """A variable of the environment is missing or wrong."""


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """How this process runs; `decisions` is what decisions need of it."""

    namespaces: tuple[str, ...]
    """The namespaces to watch; none means all."""
    identity: str
    port: int
    progress_port: int
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
        progress_port=_number(environment, "COMAL_PROGRESS_PORT", PROGRESS_PORT),
        memory_limit=_number(environment, "COMAL_MEMORY_LIMIT_MIB", 896) << 20,
        log_level=environment.get("COMAL_LOG_LEVEL", "INFO").upper(),
        decisions=Settings(
            operator_namespace=namespace,
            trainer_image=images["trainer_image"],
            scorer_image=images["scorer_image"],
            router_image=images["router_image"],
            registry_image=images["registry_image"],
            scorer_tensorflow_image=environment.get("COMAL_SCORER_TENSORFLOW_IMAGE", ""),
            azure_image=environment.get("COMAL_AZURE_IMAGE", ""),
            unresolved_images=tuple(
                environment.get("COMAL_UNRESOLVED_IMAGES", "").replace(",", " ").split()
            ),
            kubelet_client_id=environment.get("COMAL_KUBELET_CLIENT_ID", ""),
            watch_nodes=_switch(environment, "COMAL_WATCH_NODES", default=True),
            presets=_presets(environment),
        ),
    )


def _presets(environment: Mapping[str, str]) -> Mapping[str, Preset]:
    try:
        return read_presets(environment.get("COMAL_PLACEMENT_PRESETS", ""))
    except PresetError as error:
        text = "COMAL_PLACEMENT_PRESETS (ConfigMap comal-placement, presets.yaml)"
        raise SettingError(f"{text} is wrong: {error}") from error


def _switch(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = environment.get(name) or str(default)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    raise SettingError(f"{name} is {text!r}: it must be true or false")


def _required(environment: Mapping[str, str], name: str) -> str:
    if value := environment.get(name):
        return value
    raise SettingError(f"{name} is not set: name an image, as ConfigMap comal-images does")


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if text.isdigit() and int(text) > 0:
        return int(text)
    raise SettingError(f"{name} is {text!r}: it must be a whole number above 0")
