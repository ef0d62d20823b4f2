"""The data of a TrainingRun: fetched once, checked, recorded."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from comal_operator.api.meta import ApiType, DnsLabel, remedy


class DataSource(ApiType):
    """One file or folder that is laid into the workspace before the first step."""

    name: Annotated[DnsLabel, Field(max_length=40)]
    """Name of the folder below data/ in the workspace."""
    uri: Annotated[
        str,
        Field(
            min_length=8,
            max_length=1024,
            pattern=r"^(https?://[^ ]+|pvc://[a-z0-9][-.a-z0-9]*(/[^ ]*)?)$",
            json_schema_extra=remedy(
                "must be https://… or pvc://<claim>/<path> (a claim of this namespace)"
            ),
        ),
    ]
    """Where it is: https://… or pvc://<claim>/<path>."""
    sha256: (
        Annotated[
            str,
            Field(
                pattern=r"^[a-f0-9]{64}$",
                max_length=64,
                json_schema_extra=remedy("must be 64 hexadecimal digits, without sha256:"),
            ),
        ]
        | None
    ) = None
    """Digest that it must have: of the file, or of the sorted list of a folder's files and their
    digests; recorded in any case.
    """
