"""What of an endpoint's traffic is kept on a volume."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from comal_operator.api.meta import ApiType, ForeignName, remedy, rule, rules


def collection_rules() -> list[tuple[str, str]]:
    """Return the rules between data collection and the rest of the spec."""
    return [
        rule(
            "!has(self.dataCollection) || !has(self.predictor.script)",
            "dataCollection keeps the inputs and predictions of models, and a script's requests"
            " have no shape that could be kept: remove dataCollection, or collect in the script",
        )
    ]


class CollectionVolume(ApiType):
    """A volume of this namespace."""

    claim_name: ForeignName
    """A PersistentVolumeClaim. All Pods of both revisions write to it, each to files of its own, so
    on several nodes it must be ReadWriteMany.
    """


class CollectionSink(ApiType):
    """Where rows are written."""

    volume: CollectionVolume
    """A volume; files lie below modeldata/<namespace>/<endpoint>/<model>/<version>/."""


class DataCollection(ApiType):
    """What of requests and answers is kept. No request waits for it or fails by it."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.inputs || self.predictions",
                "dataCollection keeps neither inputs nor predictions:"
                " set one of them to true, or remove dataCollection",
            )
        )
    )

    inputs: bool = True
    """Keep what models are given, one row each."""
    predictions: bool = True
    """Keep what models answer."""
    sample: Annotated[
        str,
        Field(
            max_length=12,
            pattern=r"^(1(\.0+)?|0?\.[0-9]*[1-9][0-9]*)$",
            json_schema_extra=remedy(
                'must be a share in quotes above "0" and at most "1", such as "0.05"'
            ),
        ),
    ] = "1"
    """Which share of requests is kept."""
    sink: CollectionSink
    """Where rows are written."""
