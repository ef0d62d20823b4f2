"""Placement presets: those that are shipped, how they reach the operator, and wrong ones."""

from __future__ import annotations

import pytest

from comal_operator.core.presets import PresetError, read_presets
from comal_operator.settings import SettingError, read_settings
from unit.manifests.built import Manifest, one

IMAGES = {f"COMAL_{name}_IMAGE": "x/y:1" for name in ("TRAINER", "SCORER", "ROUTER", "REGISTRY")}
SPOT = "kubernetes.azure.com/scalesetpriority"


def text_of(manifests: list[Manifest]) -> str:
    """Return what the operator's Pod is given in COMAL_PLACEMENT_PRESETS."""
    placement = one(manifests, "ConfigMap", "comal-placement")
    source = {"name": placement["metadata"]["name"], "key": "presets.yaml"}
    container = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    variable = {"name": "COMAL_PLACEMENT_PRESETS", "valueFrom": {"configMapKeyRef": source}}
    assert variable in container["env"]
    return str(placement["data"]["presets.yaml"])


def test_the_shipped_presets_reach_the_operator(cluster_wide: list[Manifest]) -> None:
    environment = {**IMAGES, "COMAL_PLACEMENT_PRESETS": text_of(cluster_wide)}
    settings = read_settings(environment, own_namespace="here", identity="me")
    presets = settings.decisions.presets

    assert sorted(presets) == ["aks-gpu", "aks-spot", "aks-spot-gpu"]
    assert presets["aks-gpu"].spot is None
    assert presets["aks-gpu"].limits == presets["aks-spot-gpu"].limits == {"nvidia.com/gpu": 1}
    for name in ("aks-spot", "aks-spot-gpu"):
        spot = presets[name].spot
        assert spot is not None
        assert spot.node_selector == {SPOT: "spot"}
        [toleration] = spot.tolerations
        assert (toleration.key, toleration.value) == (SPOT, "spot")
        # What is left after the spot part goes keeps no Pod off other nodes.
        assert presets[name].node_selector == {}


def test_a_namespaced_operator_watches_no_nodes(
    base: list[Manifest], namespaced: list[Manifest]
) -> None:
    for manifests, wanted in ((base, "true"), (namespaced, "false")):
        container = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]
        [value] = [e["value"] for e in container["env"] if e["name"] == "COMAL_WATCH_NODES"]
        assert value == wanted
    assert text_of(namespaced)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("aks-spot: [", ("not YAML",)),
        ("- aks-spot", ("the whole text", "dictionary")),
        ("aks-spot: {spto: {}}", ("aks-spot.spto", "may have nodeSelector, tolerations")),
        ("aks-spot: {tolerations: [{effect: Never}]}", ("aks-spot.tolerations.0.effect",)),
        ("AKS Spot: {}", ("AKS Spot",)),
    ],
)
def test_wrong_presets_give_one_clear_error(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(PresetError) as error:
        read_presets(text)
    assert [word for word in words if word not in str(error.value)] == []

    with pytest.raises(SettingError, match="ConfigMap comal-placement"):
        read_settings(
            {**IMAGES, "COMAL_PLACEMENT_PRESETS": text}, own_namespace="here", identity="me"
        )


def test_a_switch_is_true_or_false() -> None:
    with pytest.raises(SettingError, match="COMAL_WATCH_NODES is 'maybe'"):
        read_settings({**IMAGES, "COMAL_WATCH_NODES": "maybe"}, own_namespace="a", identity="me")
