"""A registry elsewhere in which a namespace's models lie."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from comal_operator.api.azure_ml import AzureSecret, CaBundle, Proxy, WorkloadIdentity
from comal_operator.api.meta import ApiType, ForeignName, remedy, rule, rules

Repository = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?(:[1-9][0-9]{0,4})?"
        r"(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)+$",
        max_length=255,
        json_schema_extra=remedy(
            "must be a host and a path below it, such as myacr.azurecr.io/models, in small letters"
        ),
    ),
]


class LoginSecret(ApiType):
    """A Secret in this namespace with a user and password of the registry."""

    name: ForeignName
    """Its name. Keys: username and password. Of an Azure Container Registry, those of a token
    whose scope map reads and writes what lies below the repository.
    """


class StoreCredential(ApiType):
    """As whom the registry is read and written; exactly one of the three."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "[has(self.workloadIdentity), has(self.secretRef), has(self.loginSecretRef)]"
                ".filter(x, x).size() == 1",
                "credential must be exactly one of workloadIdentity, secretRef and loginSecretRef:"
                " give one",
            )
        )
    )

    workload_identity: WorkloadIdentity | None = None
    """Without any secret, by the cluster's workload identity: Azure Container Registry."""
    secret_ref: AzureSecret | None = None
    """By a service principal's secret: Azure Container Registry. What is written into it later
    holds from the next call on.
    """
    login_secret_ref: LoginSecret | None = None
    """By a user and password: any registry. What is written into it later holds from the next call
    on.
    """


class OciStore(ApiType):
    """A repository of an OCI registry, reached over https; each model lies in one below it."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.credential) || has(self.credential.loginSecretRef) ||"
                " self.repository.split('/')[0].endsWith('.azurecr.io')",
                "workloadIdentity and secretRef are logins of Azure's: give loginSecretRef for a"
                " registry that is not at *.azurecr.io",
            ),
            rule(
                "self.repository == oldSelf.repository",
                "repository cannot change, the models lie in it: make another ModelRegistry and"
                " register new versions there",
            ),
        )
    )

    repository: Repository
    """Host and path: of the model diabetes everything lies in the repository <path>/diabetes."""
    credential: StoreCredential | None = None
    """As whom; as nobody when left out."""
    proxy: Proxy | None = None
    """By which the registry is called, and the login too; directly when left out."""
    ca_bundle: CaBundle | None = None
    """A company's own authorities, where its proxy or its registry has certificates of theirs."""
