"""Azure ML as an organisation's record of the models that a namespace registers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import (
    PORT_PATTERN,
    ApiType,
    ForeignName,
    Timestamp,
    remedy,
    rule,
    rules,
)

Guid = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        max_length=36,
        json_schema_extra=remedy("must be an id such as 00000000-0000-0000-0000-000000000000"),
    ),
]
ResourceGroup = Annotated[
    str,
    Field(
        pattern=r"^[-._()a-zA-Z0-9]*[-_()a-zA-Z0-9]$",
        min_length=1,
        max_length=90,
        json_schema_extra=remedy(
            "must be letters, digits, dashes, underscores, brackets and dots, not ending with a dot"
        ),
    ),
]
WorkspaceName = Annotated[
    str,
    Field(
        pattern=r"^[a-zA-Z0-9][-_a-zA-Z0-9]*$",
        min_length=2,
        max_length=33,
        json_schema_extra=remedy(
            "must be letters, digits, dashes and underscores, and start with a letter or digit"
        ),
    ),
]
ProxyUrl = Annotated[
    str,
    Field(
        pattern=r"^https?://([A-Za-z0-9][-.A-Za-z0-9]*|\[[0-9a-fA-F:.]+\])"
        rf"(:{PORT_PATTERN})?/?$",
        max_length=512,
        json_schema_extra=remedy(
            "must be an address such as http://proxy.example.org:3128, without user and password"
        ),
    ),
]
DirectHost = Annotated[
    str,
    Field(
        pattern=r"^\.?[A-Za-z0-9][-.A-Za-z0-9]*$",
        max_length=253,
        json_schema_extra=remedy(
            "must be a host, or a domain such as .blob.core.windows.net, without * and port"
        ),
    ),
]
FileKey = Annotated[
    str,
    Field(
        pattern=r"^[-._A-Za-z0-9]+$",
        min_length=1,
        max_length=253,
        json_schema_extra=remedy("must be a key: letters, digits, - _ and ."),
    ),
]
TagValue = Annotated[str, Field(max_length=256)]


class WorkloadIdentity(ApiType):
    """An identity of Azure's that the ServiceAccount comal-registry-<name>-azure stands for."""

    client_id: Guid
    """Client id of the managed identity or application. It needs a federated credential for the
    ServiceAccount; the ModelRegistry's conditions name the subject where it has none.
    """


class AzureSecret(ApiType):
    """A service principal's Secret in this namespace."""

    name: ForeignName
    """Its name. Keys: AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or
    AZURE_CREDENTIALS with what `az ad sp create-for-rbac --sdk-auth` prints.
    """


class AzureCredential(ApiType):
    """As whom Azure is called; exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.workloadIdentity) != has(self.secretRef)",
                "credential must be exactly one of workloadIdentity and secretRef: give one",
            )
        )
    )

    workload_identity: WorkloadIdentity | None = None
    """Without any secret, by the cluster's workload identity."""
    secret_ref: AzureSecret | None = None
    """By a service principal's secret; what is written into it later holds from the next call on.
    """


class Proxy(ApiType):
    """The way out of a network that lets nothing out by itself."""

    url: ProxyUrl
    """Its address. A user and password cannot be given: it must know callers by another way."""
    no_proxy: Annotated[list[DirectHost], Field(max_length=32)] = Field(default_factory=list)
    """Hosts that are called directly, such as private endpoints of the workspace's storage. What is
    in the cluster is always called directly.
    """


class CaBundle(ApiType):
    """Certificates in a ConfigMap of this namespace."""

    config_map: ForeignName
    """The ConfigMap."""
    key: FileKey = "ca.crt"
    """Its key, with one or more certificates in PEM. They are trusted beside the public ones."""


class AzureML(ApiType):
    """The workspace in which every version of this registry is recorded, with its bytes."""

    subscription_id: Guid
    """The subscription."""
    resource_group: ResourceGroup
    """The workspace's resource group."""
    workspace: WorkspaceName
    """The workspace."""
    tags: Annotated[dict[str, TagValue], Field(max_length=16)] = Field(default_factory=dict)
    """Put on each record, beside the run's own tags and parameters. Records that are there already
    keep theirs.
    """
    credential: AzureCredential
    """As whom Azure is called."""
    proxy: Proxy | None = None
    """By which Azure is called, and the login too; directly when left out."""
    ca_bundle: CaBundle | None = None
    """A company's own authorities, where its proxy opens what it lets through."""
    deletion_policy: Literal["Retain", "Delete"] = "Retain"
    """What becomes of the record of a ModelVersion that is deleted. Delete removes only what this
    registry recorded; records outlive the registry itself in any case.
    """


ModelUri = Annotated[
    str,
    Field(
        pattern=r"^azureml:[a-zA-Z0-9][-_.a-zA-Z0-9]*(:[a-zA-Z0-9][-_.a-zA-Z0-9]*|@latest)$",
        max_length=294,
        json_schema_extra=remedy(
            "must be azureml:<name>:<version> or azureml:<name>@latest, such as azureml:tacos:7"
        ),
    ),
]


class AzureErrand(ApiType):
    """How far something is that is to be done in Azure."""

    id: Annotated[str, Field(max_length=1024)]
    """Azure's id of the workspace, or of the record."""
    asked: Annotated[str, Field(max_length=16)]
    """Digest of all that was asked, credential included: other words are tried at once."""
    done: bool = False
    """Whether it is there."""
    failures: int = 0
    """Attempts in a row that failed."""
    region: Annotated[str, Field(max_length=64)] | None = None
    """Where the workspace is, as Azure said when it was found."""
    next_attempt: Timestamp | None = None
    """When it is tried again."""


class AzureImport(AzureErrand):
    """How far the import of a model from a workspace is."""

    found: ModelUri | None = None
    """What was imported, with its version: what `@latest` meant."""
