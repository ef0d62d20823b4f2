"""Values for the leaves of a spec: what people write, and what they should not have to fear."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

# What a spec may refer to; a walk makes it appear and vanish.
CLAIMS = ("data-disk", "shared.disk")
CLASSES = ("fast", "slow-zrs")
REGISTRIES = ("default", "models")
MODELS = ("diabetes", "taxi-fares")
PRESETS = ("aks-spot", "aks-gpu")
METRICS = ("mse", "latency_p95_ms", "val/acc.top-1")

# Texts that templates, shells, YAML readers and C programs stumble over.
_TEXTS = (
    *("a", "4be1c0d", "20261121.3", "yes", "0x1F", "null", "", " "),
    *(
        "$(COMAL_RUN)",
        "$$(X)",
        "{{ .Values.x }}",
        "%s %d",
        "ñandú – 模型",
        "two\nlines",
        "tab\there",
    ),
    *('"quoted"', "it's", "a: b # c", "--flag=value", "https://example.com/a?b=c&d=e"),
)
_QUANTITIES = ("1", "2", "500m", "64Mi", "1Gi", "10Gi", "1.5Gi", "1000k")
_DECIMALS = ("0", "1", "-1", "0.25", "5000", "1e3", "3295.714948", "-0.5", "1E-2")

# By the pattern that the schema asks for.
_BY_PATTERN: Mapping[str, tuple[str, ...]] = {
    r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$": ("2h", "3h30m", "8h", "240m", "100h", "720h", "7200.5s"),
    r"^https?://[^ ]+$": ("https://ci.example/builds/1", "http://x", "https://é.example/?q=$(Y)"),
    r"^[a-f0-9]{64}$": ("0" * 64, "0123456789abcdef" * 4),
    r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$": _QUANTITIES,
    r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?$": _DECIMALS,
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": ("a", "b2", "train-it", "0", "x--y", "z" * 40),
    r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$": ("a", "team.account", "0", "some-name", "n" * 63),
    r"^[a-z]([-a-z0-9]*[a-z0-9])?$": ("candidate", "production", "a", "b-2"),
    r"^(/[A-Za-z0-9_][-.A-Za-z0-9_]*)+$": ("/workspace", "/mnt/data_1", "/w", "/A.b-c/d"),
    r"^[A-Za-z_][A-Za-z0-9_]*$": ("X", "_y", "LEARNING_RATE", "PATH_2"),
    r"^[-._A-Za-z0-9]+$": ("key", "tls.crt", "-", "A_b"),
    r"^[A-Za-z_][-./A-Za-z0-9_]*$": METRICS,
    r"^[A-Za-z0-9_][-.A-Za-z0-9_]*(/[A-Za-z0-9_][-.A-Za-z0-9_]*)*/?$": (
        *("model/", "metrics.json", "outputs/a/b.csv", "_x", "0"),
    ),
    r"^[A-Za-z0-9_][-.A-Za-z0-9_]*(/[A-Za-z0-9_][-.A-Za-z0-9_]*)*$": ("model", "outputs/model"),
    r"^(https?://[^ ]+|pvc://[a-z0-9][-.a-z0-9]*(/[^ ]*)?)$": (
        *("https://example.com/train.csv", "http://h/$(X)", "pvc://data-disk/a/b", "pvc://other"),
    ),
    r"^[a-z0-9]+([._-]+[a-z0-9]+)*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][-.A-Za-z0-9_]*)?(@sha256:[a-f0-9]{64})?$": (
        *("busybox", "myacr.azurecr.io/train:1", "localhost:5000/a/b_c:V-1.2"),
        f"registry.example/x@sha256:{'a' * 64}",
    ),
}

# By the end of the path, where a name means something.
_BY_PATH: Mapping[str, tuple[str, ...]] = {
    "workspace.storageClassName": CLASSES,
    "workspace.existingClaim": CLAIMS,
    "placement.preset": (*PRESETS, *PRESETS, "no-such-preset"),
    "register.registry": REGISTRIES,
    "register.model": MODELS,
    "ttl.children": ("2h", "20h", "0s"),
    "ttl.workspace": ("2h", "30h", "0s"),
    "failed.children": ("2h", "20h"),
    "failed.workspace": ("2h", "30h"),
    "minDelta": ("0", "0.1", "1e3"),
    "gate.threshold": ("5000", "5000", "5000", "1"),
    "tolerations[].key": ("sku", "kubernetes.azure.com/scalesetpriority"),
    "tolerations[].value": ("gpu", "spot", ""),
    "nodeSelector{}": ("x64", "spot", ""),
    "requests{}": _QUANTITIES,
    "limits{}": _QUANTITIES,
}

# Keys of maps, by the end of the path.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "parameters": ("alpha", "Learning-Rate", "max.depth", "n_estimators", "x" * 63),
    "sweep.parameters": ("alpha", "beta"),
    "requests": ("cpu", "memory", "ephemeral-storage"),
    "limits": ("cpu", "memory", "nvidia.com/gpu"),
    "nodeSelector": ("kubernetes.io/arch", "agentpool"),
    "tags": ("area", "Team Name", "ü"),
}


class NoValuesError(LookupError):
    """Nothing is known that fits the pattern of a field."""


def _by_end(table: Mapping[str, tuple[str, ...]], path: str) -> tuple[str, ...] | None:
    return next((found for end, found in table.items() if path.endswith(end)), None)


def text(dice: Random, path: str, pattern: str | None, longest: int) -> str:
    """Return a text for the field at `path`; raise NoValuesError for a pattern without values."""
    found = _by_end(_BY_PATH, path)
    if found is None and pattern is not None:
        found = _BY_PATTERN.get(pattern)
        if found is None:
            raise NoValuesError(path)
    if found is None:
        return "m" * longest if dice.random() < 0.02 else dice.choice(_TEXTS)[:longest]
    return dice.choice([one for one in found if len(one) <= longest])


def key(dice: Random, path: str) -> str:
    """Return a key for the map at `path`; raise NoValuesError where none is known."""
    found = _by_end(_KEYS, path)
    if found is None:
        raise NoValuesError(path)
    return dice.choice(found)


Chance = Callable[[str], float]

# How often an optional field is given, by the end of the path.
_CHANCES: Mapping[str, float] = {
    "notify": 0.15,
    "suspend": 0.06,
    "cancel": 0.02,
    "sweep": 0.06,
    "queue": 0.04,
    "profile": 0.1,
    "register": 0.6,
    "gate": 0.75,
    "data": 0.15,
    "workspace": 0.5,
    "existingClaim": 0.25,
    "storageClassName": 0.3,
    "onDemandAfter": 0.1,
    "placement": 0.12,
    "distributed": 0.08,
    "cache": 0.2,
    "outputs": 0.3,
    "retry": 0.4,
    "timeouts": 0.15,
    "serviceAccountName": 0.15,
    "threshold": 0.6,
    "baseline": 0.6,
}


def is_given(dice: Random, name: str) -> bool:
    """Return whether an optional field of that name is given."""
    return dice.random() < _CHANCES.get(name, 0.25)
