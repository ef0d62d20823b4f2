"""ModelRegistry: where a namespace's model bytes live."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from comal_operator.api.azure_ml import AzureErrand, AzureML
from comal_operator.api.meta import (
    AGE,
    MESSAGE,
    STATE,
    ApiType,
    Column,
    Conditions,
    ForeignName,
    Kind,
    Quantity,
    rule,
    rules,
)
from comal_operator.api.oci_store import OciStore


class EmbeddedStore(ApiType):
    """An OCI distribution registry that the operator runs in this namespace on a claim."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.storageClassName) == has(oldSelf.storageClassName) &&"
                " (!has(self.storageClassName)"
                " || self.storageClassName == oldSelf.storageClassName)",
                "storageClassName cannot change, the models lie on it: make another ModelRegistry"
                " and register new versions there",
            ),
            rule(
                "quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
                "size can only grow: give the old size or a larger one",
            ),
        )
    )

    size: Quantity = "10Gi"
    """Size of the claim; it can grow where the StorageClass allows it."""
    storage_class_name: ForeignName | None = None
    """StorageClass of the claim; the cluster's default when left out. ReadWriteOnce is enough."""


class Store(ApiType):
    """Where the bytes live; exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.embedded) != has(self.oci)",
                "store must be exactly one of embedded and oci: give one",
            ),
            rule(
                "has(self.embedded) == has(oldSelf.embedded)",
                "store cannot change, the models lie in it: make another ModelRegistry and"
                " register new versions there",
            ),
        )
    )

    embedded: EmbeddedStore | None = None
    """A registry in this namespace, run by the operator."""
    oci: OciStore | None = None
    """A registry elsewhere, such as an Azure Container Registry."""


class ModelRegistrySpec(ApiType):
    """Where model bytes live."""

    store: Store
    """Where the bytes live."""
    azure_ml: Annotated[AzureML | None, Field(alias="azureML")] = None
    """A workspace of Azure ML that records each version; see docs/azure.md. What the cluster serves
    never depends on it.
    """


class ModelRegistryStatus(ApiType):
    """How the registry is."""

    observed_generation: int = -1
    """Generation of the spec that this status is about; -1 until the operator has looked."""
    url: Annotated[str, Field(max_length=256)] | None = None
    """Address at which models are read, by digest and without a login, from inside the namespace.
    """
    login_secret: Annotated[str, Field(max_length=63)] | None = None
    """Name of the Secret with the writer's login; only register Jobs mount it."""
    last_versions: Annotated[dict[str, int], Field(max_length=10000)] = Field(default_factory=dict)
    """Highest number ever given, by model; a deleted version's number is never given again."""
    azure_ml: Annotated[AzureErrand | None, Field(alias="azureML")] = None
    """The last look at the workspace."""
    azure_deletion: AzureErrand | None = None
    """How far the records of deleted versions are removed, with deletionPolicy Delete."""
    conditions: Conditions = ()
    """Ready, Reconciling, Stalled; with store.oci also StoreReached; with azureML also
    AzureAuthorized, WorkspaceFound, RegionMismatch and RecordsDeleted. See docs/conditions.md.
    """


class ModelRegistry(ApiType):
    """Where a namespace's model bytes live. One named `default` is made on first use."""

    spec: ModelRegistrySpec
    """Where model bytes live."""
    status: ModelRegistryStatus = ModelRegistryStatus()
    """How the registry is."""


MODEL_REGISTRY = Kind(
    type=ModelRegistry,
    plural="modelregistries",
    short_name="mreg",
    columns=(STATE, Column("Url", ".status.url"), AGE, MESSAGE),
)
