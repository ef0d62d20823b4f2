"""How requests find a revision, and which of them are sent a second time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.attach import Attach
from comal_operator.api.meta import ApiType, Percent, Quantity, remedy, rule, rules

_HEADER_REMEDY = remedy("must be the name of a header, such as x-api-version")
HeaderName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$",
        min_length=1,
        max_length=64,
        json_schema_extra=_HEADER_REMEDY
        | rules(
            rule(
                "!self.lowerAscii().startsWith('x-comal-') && !(self.lowerAscii() in"
                " ['host', 'authorization', 'content-length', 'transfer-encoding', 'connection'])",
                "the header must be one of your own: those that start with x-comal-, and host,"
                " authorization and the like, have a meaning already",
            )
        ),
    ),
]


def size_between(field: str, low: str, high: str) -> dict[str, object]:
    """Return the check that a quantity lies between two others."""
    return rules(
        rule(
            f"!quantity(self).isLessThan(quantity('{low}'))"
            f" && !quantity(self).isGreaterThan(quantity('{high}'))",
            f"{field} must be from {low} to {high}: choose what your largest request needs",
        )
    )


class HeaderMatch(ApiType):
    """A header and the value that it must have."""

    name: HeaderName
    """Name of the header, in any case."""
    value: Annotated[str, Field(min_length=1, max_length=128)]
    """The whole value."""


class HeaderRule(ApiType):
    """Requests with this header go to one revision, whatever the shares."""

    header: HeaderMatch
    """What the request must have."""
    to: Annotated[
        str,
        Field(
            pattern=r"^(Stable|Candidate|[a-z0-9]([-a-z0-9]*[a-z0-9])?)$",
            max_length=40,
            json_schema_extra=remedy("must be Stable, Candidate or the name of a variant"),
        ),
    ]
    """Stable, Candidate or a variant's name. Without that revision the rule is none; when none of
    its Pods answers, shares decide.
    """


class Fallback(ApiType):
    """Which requests are sent to another revision when the first one fails."""

    when: Annotated[
        tuple[Literal["Unavailable", "ServerError"], ...],
        Field(
            min_length=1,
            max_length=2,
            json_schema_extra={"x-kubernetes-list-type": "set"}
            | rules(
                rule(
                    "'Unavailable' in self",
                    "traffic.fallback.when must have Unavailable: what no Pod has answered"
                    " is always sent again; callers refuse it with x-comal-no-fallback",
                )
            ),
        ),
    ] = ("Unavailable",)
    """Unavailable: nobody answered. ServerError: also when a candidate answers with 5xx, which
    repeats a request that has been worked on; the error counts against the candidate all the same.
    """
    max_body: Annotated[
        Quantity,
        Field(json_schema_extra=size_between("traffic.fallback.maxBody", "1Ki", "64Mi")),
    ] = "4Mi"
    """Larger requests are not kept in memory, so they are sent once."""


class StickyBy(ApiType):
    """What keeps a caller at one revision."""

    header: HeaderName
    """Requests with the same value of this header go to the same revision, within the shares; who
    has come to the candidate stays there while its share rises. Others go by shares alone.
    """


class Mirror(ApiType):
    """Copies of requests for the candidate; callers never wait for their answers."""

    percent: Percent
    """How many of all requests are copied; their codes and times count for the candidate."""


class Traffic(ApiType):
    """How requests find a revision. Nothing here starts a rollout."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.stickyBy) || !has(self.fallback.when)"
                " || !('ServerError' in self.fallback.when)",
                "traffic.stickyBy keeps a request at its revision, so its errors cannot be hidden"
                " by another: remove stickyBy, or ServerError from fallback.when",
            )
        )
    )

    rules: Annotated[
        tuple[HeaderRule, ...],
        Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """Headers that choose a revision; the first that fits decides. Beside these,
    x-comal-revision: <revision> always reaches that very revision.
    """
    sticky_by: StickyBy | None = None
    """What keeps a caller at one revision."""
    mirror: Mirror | None = None
    """Copies of requests for the candidate, as long as there is one."""
    fallback: Fallback = Fallback()
    """Which requests are sent to another revision when the first one fails."""
    attach: Attach = Attach()
    """How callers from outside the cluster come in."""
