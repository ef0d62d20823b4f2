"""The volume of a TrainingRun."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import UNIQUE, ApiType, ForeignName, Quantity, remedy, rule, rules


class Workspace(ApiType):
    """The volume that all steps share: made from a template, or an existing claim."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.existingClaim) || !(has(self.size) || has(self.storageClassName)"
                " || has(self.accessModes) || has(self.retain))",
                "workspace has existingClaim and also size, storageClassName, accessModes or"
                " retain: remove existingClaim to get a new claim, or remove the others",
            ),
        )
    )

    size: Quantity | None = None
    """Size of the claim to make; 10Gi when left out."""
    storage_class_name: ForeignName | None = None
    """StorageClass of the claim to make; the cluster's default when left out."""
    access_modes: (
        Annotated[
            tuple[Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"], ...],
            Field(
                min_length=1,
                max_length=3,
                json_schema_extra=UNIQUE
                | rules(
                    rule(
                        "self.size() == 1 || !('ReadWriteOncePod' in self)",
                        "accessModes has ReadWriteOncePod beside others, which no claim may have:"
                        " keep it alone or remove it",
                    )
                ),
            ),
        ]
        | None
    ) = None
    """Access modes of the claim to make; ReadWriteOnce when left out. Steps run side by side only
    with ReadWriteMany.
    """
    mount_path: Annotated[
        str,
        Field(
            min_length=2,
            max_length=256,
            pattern=r"^(/[A-Za-z0-9_][-.A-Za-z0-9_]*)+$",
            json_schema_extra=remedy("must be an absolute path such as /workspace")
            | rules(
                rule(
                    "!['/comal', '/tmp', '/proc', '/sys', '/dev', '/etc', '/usr', '/bin', '/lib']"
                    ".exists(p, self == p || self.startsWith(p + '/'))",
                    "mountPath lies in a folder that the container needs itself:"
                    " use a folder of your own such as /workspace",
                )
            ),
        ),
    ] = "/workspace"
    """Where steps find the volume; their working directory and COMAL_WORKSPACE."""
    retain: bool | None = None
    """Keep the made claim when the run is deleted; false when left out."""
    existing_claim: ForeignName | None = None
    """A PersistentVolumeClaim of this namespace to use instead of making one."""
