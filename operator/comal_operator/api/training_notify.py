"""Who is told how a TrainingRun goes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from comal_operator.api.meta import UNIQUE, ApiType, ForeignName, remedy

Edge = Literal["Completed", "Failed", "Rejected", "Interrupted"]


class WebhookSecret(ApiType):
    """The key of a Secret that holds the webhook's address: addresses of webhooks are passwords."""

    name: ForeignName
    """Name of a Secret of the run's namespace."""
    key: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            pattern=r"^[-._A-Za-z0-9]+$",
            json_schema_extra=remedy("must be a key: letters, digits, - _ and ."),
        ),
    ] = "url"
    """The key in it."""


class Webhook(ApiType):
    """Where a CloudEvent is sent by POST."""

    secret_ref: WebhookSecret
    """Where its address is: https://…, or http://<service>.<namespace>.svc… within the cluster."""


class Notice(ApiType):
    """One webhook, and what it is told of."""

    webhook: Webhook
    """Where to send it; see docs/running.md for what is sent."""
    when: Annotated[
        tuple[Edge, ...], Field(min_length=1, max_length=4, json_schema_extra=UNIQUE)
    ] = ("Completed", "Failed", "Rejected", "Interrupted")
    """In which cases: Completed; Failed; Rejected, by the gate, whatever onReject says;
    Interrupted, each time that an attempt at a step was. A run that a person cancels tells nobody.
    """
