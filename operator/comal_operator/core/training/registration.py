"""The commit point: which number the new ModelVersion gets and what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import ValidationError

from comal_operator.api import model_version as api
from comal_operator.api.meta import API_VERSION
from comal_operator.api.training_run import Register, TrainingRunSpec
from comal_operator.core.names import LABEL_MODEL, labels
from comal_operator.core.plan import Manifest, Seen
from comal_operator.core.registry.address import location
from comal_operator.core.registry.numbers import high_water
from comal_operator.core.training.lineage import data_statistics, lineage, signatures
from comal_operator.core.training.look import Facts, Look
from comal_trainer.contract import Converted, Registered, signature_to_json

_NOT_IN_A_LABEL = re.compile(r"[^-._A-Za-z0-9]+")


def versions_of(seen: Seen, model: str) -> tuple[api.ModelVersion, ...]:
    """Return the versions of `model` that exist; what does not parse is nobody's baseline."""
    found = []
    for manifest in seen.all("ModelVersion"):
        try:
            version = api.ModelVersion.model_validate(manifest)
        except ValidationError:
            continue
        if version.spec.model == model:
            found.append(version)
    return tuple(found)


def registered_by(versions: Sequence[api.ModelVersion], uid: str) -> api.ModelVersion | None:
    """Return the version that the run with this uid made: it means the run is through."""
    runs = ((version, version.spec.lineage.run) for version in versions)
    return next((version for version, run in runs if run is not None and run.uid == uid), None)


def uncounted(seen: Seen, versions: Sequence[api.ModelVersion]) -> api.ModelVersion | None:
    """Return a version whose number its registry has not written down yet, or None.

    Nobody takes the next number before the last one is remembered for good: so a version may be
    deleted at any moment and its number is still never given again.
    """
    for version in versions:
        registry = seen.get("ModelRegistry", version.spec.registry)
        if registry is None:
            continue
        if high_water(registry, ()).get(version.spec.model, 0) < int(version.spec.version):
            return version
    return None


def model_version(
    look: Look,
    register: Register,
    number: int,
    *,
    facts: Facts,
    converted: Converted,
    registered: Registered,
    profile: api.ModelProfile | None = None,
) -> Manifest:
    """Return the ModelVersion that a run registers. No owner: pruning the run keeps it."""
    run, spec, verdict = look.run, look.spec, facts.verdict
    wire = api.ModelVersionSpec(
        # An alias is a promise: what the gate rejected is kept, but moves none.
        aliases=register.aliases if verdict is None or verdict.passed else (),
        model=register.model,
        version=str(number),
        digest=registered.digest,
        format=converted.format,
        source_format=converted.source_format or None,
        contract=converted.contract,
        registry=register.registry,
        location=location(register.registry, register.model),
        signature=signature_of(converted),
        parity=parity_of(converted),
        primary_metric=spec.gate.metric if spec.gate else None,
        metrics=dict(facts.metrics or {}),
        parameters=spec.parameters,
        tags=register.tags,
        description=register.description,
        signatures=signatures(registered),
        data_statistics=data_statistics(registered),
        profile=profile,
        lineage=lineage(look, verdict),
    )
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelVersion",
        "metadata": {
            "name": f"{register.model}-v{number}",
            "namespace": run["metadata"]["namespace"],
            "labels": labels("model-version", **_labels(spec, register.model)),
        },
        "spec": wire.to_wire(),
    }


def signature_of(converted: Converted) -> api.Signature | None:
    """Return what the model takes and gives; None where nobody knows."""
    if converted.signature is None:
        return None
    return api.Signature.model_validate(signature_to_json(converted.signature))


def parity_of(converted: Converted) -> api.Parity | None:
    """Return how close the conversion is; nothing where nothing was proved."""
    parity = converted.parity
    if parity is None or not parity.proved:
        return None
    return api.Parity(max_difference=parity.max_difference, samples=parity.samples)


def _labels(spec: TrainingRunSpec, model: str) -> dict[str, str]:
    source = spec.source
    said = {
        "comal.dev/build-id": source.build_id if source else None,
        "comal.dev/source-revision": source.revision if source else None,
        "comal.dev/experiment": spec.experiment,
    }
    found = {key: label_value(text) for key, text in said.items() if text}
    return {LABEL_MODEL: model, **{key: text for key, text in found.items() if text}}


def label_value(text: str) -> str:
    """Return `text` made into a label's value; the full text stands in the spec."""
    return _NOT_IN_A_LABEL.sub("-", text)[:63].strip("-._")
