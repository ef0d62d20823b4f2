"""What is asked of Azure ML by a Job, and its answer. Standard library only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Final, Self

from comal_trainer.contract import ContractError, JobError, _count, _error, _Message, _text

CHECK_COMMAND: Final = "azure-check"
RECORD_COMMAND: Final = "azure-record"
PRUNE_COMMAND: Final = "azure-prune"
IMPORT_COMMAND: Final = "azure-import"
# Makes the package to register of what was imported.
ADOPT_COMMAND: Final = "adopt"
# Where the Job finds the Secret's files, and the model that was fetched by its digest.
LOGIN_DIR: Final = "/var/run/secrets/comal.dev/azure"
MODEL_DIR: Final = "/comal/model"
# A company's own authorities, in one file.
CA_FILE: Final = "/etc/comal/ca/ca.crt"
# A service principal: its three keys under the names that Azure's SDKs know, or the one JSON that
# `az ad sp create-for-rbac --sdk-auth` prints.
TENANT_KEY: Final = "AZURE_TENANT_ID"
CLIENT_KEY: Final = "AZURE_CLIENT_ID"
SECRET_KEY: Final = "AZURE_CLIENT_SECRET"  # noqa: S105 - the name of a key
JSON_KEY: Final = "AZURE_CREDENTIALS"
# By these two a record is known as ours: whose it is, and of which bytes.
OWNER_TAG: Final = "comal.model-version"
DIGEST_TAG: Final = "comal.digest"
# By this one, who may delete it: a name may be that of another cluster too.
REGISTRY_TAG: Final = "comal.registry-id"


class AzureReason(StrEnum):
    """Why something was not done in Azure; docs/conditions.md says what to do."""

    CREDENTIAL_MISSING = "CredentialMissing"
    WORKLOAD_IDENTITY_MISSING = "WorkloadIdentityMissing"
    CA_BUNDLE_MISSING = "CaBundleMissing"
    PROXY_FAILED = "ProxyFailed"
    CERTIFICATE_UNTRUSTED = "CertificateUntrusted"
    AUTH_FAILED = "AzureAuthFailed"
    FORBIDDEN = "AzureForbidden"
    WORKSPACE_NOT_FOUND = "WorkspaceNotFound"
    MODEL_NOT_FOUND = "AzureModelNotFound"
    MODEL_UNREADABLE = "AzureModelUnreadable"
    RECORD_CONFLICT = "RecordConflict"
    REFUSED = "AzureRefused"
    THROTTLED = "AzureThrottled"
    UNAVAILABLE = "AzureUnavailable"
    FAILED = "AzureCallFailed"


# Who we are is not known there, or may not do what is asked.
ACCESS_REASONS: Final = frozenset(
    {
        AzureReason.CREDENTIAL_MISSING,
        AzureReason.WORKLOAD_IDENTITY_MISSING,
        AzureReason.AUTH_FAILED,
        AzureReason.FORBIDDEN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """As whom and by which way Azure is called."""

    subject: str
    """The ServiceAccount's name in a federated credential."""
    client_id: str = ""
    """Of the identity that the ServiceAccount stands for; empty: the Secret says who."""
    secret: str = ""
    """Name of that Secret, for messages."""
    proxy: str = ""
    """By which it is reached; empty: directly."""
    no_proxy: str = ""
    """Hosts that are called directly all the same, with commas between them."""
    ca_bundle: str = ""
    """ConfigMap and key of a company's own authorities, for messages; empty: there are none."""

    field: ClassVar[str] = ""
    """Where a ModelRegistry says all this."""
    roles: ClassVar[str] = ""
    """What whoever may not do something needs."""
    unknown: ClassVar[str] = ""
    """What to do besides where nobody is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace(Caller):
    """An Azure ML workspace, and as whom it is reached."""

    subscription: str
    group: str
    name: str

    field: ClassVar[str] = "azureML"
    roles: ClassVar[str] = (
        "the role AzureML Data Scientist on the workspace, and Storage Blob Data Contributor on its"
        " storage"
    )

    @property
    def id(self) -> str:
        """The path that Azure knows it by."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DataAsset:
    """One version of data as it is to stand in the workspace: a pointer, no bytes."""

    name: str
    version: str
    path: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One version as it is to stand in the workspace."""

    model: str
    version: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    data: tuple[DataAsset, ...] = ()
    """What it was trained on, as far as Azure can point there."""

    def id_in(self, workspace: Workspace) -> str:
        """Return the path that Azure knows the record by."""
        return f"{workspace.id}/models/{self.model}/versions/{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """Versions that are no more, whose records are to go."""

    registry: str
    """Uid of the ModelRegistry that recorded them."""
    namespace: str
    models: Mapping[str, Sequence[Sequence[int]]]
    """By model: first and last number of each run of versions."""

    def has(self, model: str, version: str) -> bool:
        """Return whether the version is one of them."""
        number = int(version) if version.isdecimal() else 0
        return any(first <= number <= last for first, last in self.models.get(model, ()))

    def is_ours(self, model: str, version: str, tags: Mapping[str, str]) -> bool:
        """Return whether the tags say that this registry recorded that version."""
        owner = f"{self.namespace}/{model}-v{version}"
        return (tags.get(REGISTRY_TAG), tags.get(OWNER_TAG)) == (self.registry, owner)


_URI: Final = re.compile(r"azureml:(?P<model>[^:@]+)(?::(?P<version>[^:@]+)|@latest)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A model of the workspace that is to be served here, whoever registered it."""

    model: str
    version: str = ""
    """Empty: the newest at the time of asking."""

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Return what `azureml:name:version` or `azureml:name@latest` names."""
        found = _URI.fullmatch(uri)
        if found is None:
            raise ContractError(f"{uri!r:.80} is not azureml:<name>:<version>")
        return cls(model=found["model"], version=found["version"] or "")

    @property
    def uri(self) -> str:
        """The words for it."""
        return f"azureml:{self.model}" + (f":{self.version}" if self.version else "@latest")

    def id_in(self, workspace: Workspace) -> str:
        """Return the path that Azure knows it by."""
        which = f"versions/{self.version}" if self.version else "labels/latest"
        return f"{workspace.id}/models/{self.model}/{which}"


@dataclass(frozen=True, slots=True)
class AzureAnswer(_Message):
    """The answer of each command: the id of what is there, or why it is not."""

    id: str = ""
    error: JobError | None = None
    wait: int = 0
    """Seconds that Azure asks to wait before the next attempt."""
    region: str = ""
    """Where the workspace is, for whoever looked for it."""

    @classmethod
    def _read(cls, value: Any) -> Self:
        found = cls(
            _text(value["id"]),
            _error(value.get("error")),
            _count(value.get("wait", 0)),
            _text(value.get("region", "")),
        )
        if bool(found.id) == (found.error is not None):
            raise ContractError("an answer has either an id or an error")
        return found


def check_arguments(workspace: Workspace) -> tuple[str, ...]:
    """Return the container arguments of the Job that looks whether the workspace is reached."""
    return CHECK_COMMAND, f"--target={_packed(workspace)}"


def record_arguments(workspace: Workspace, entry: Entry) -> tuple[str, ...]:
    """Return the container arguments of the Job that records one version."""
    return RECORD_COMMAND, f"--target={_packed(workspace)}", f"--entry={_packed(entry)}"


def prune_arguments(workspace: Workspace, gone: Gone) -> tuple[str, ...]:
    """Return the container arguments of the Job that deletes the records of what is gone."""
    return PRUNE_COMMAND, f"--target={_packed(workspace)}", f"--gone={_packed(gone)}"


def import_arguments(workspace: Workspace, origin: Origin) -> tuple[str, ...]:
    """Return the container arguments of what lays a model of the workspace into the volume."""
    return IMPORT_COMMAND, f"--target={_packed(workspace)}", f"--origin={origin.uri}"


def read_gone(text: str) -> Gone:
    """Return what `prune_arguments` says; raise ContractError."""
    return Gone(**_unpacked(text, "--gone"))


def read_workspace(text: str) -> Workspace:
    """Return the workspace of `check_arguments`; raise ContractError."""
    return Workspace(**_unpacked(text, "--target"))


def read_entry(text: str) -> Entry:
    """Return the entry of `record_arguments`; raise ContractError."""
    given = _unpacked(text, "--entry")
    return Entry(**{**given, "data": tuple(DataAsset(**one) for one in given["data"])})


def _packed(value: Workspace | Entry | Gone) -> str:
    text = json.dumps(asdict(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    # `$(X)` in an argument would be expanded by the kubelet; a tag means the text.
    return text.replace("$(", "$$(")


def _unpacked(text: str, flag: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ContractError(f"{flag} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ContractError(f"{flag} is no object")
    return found
