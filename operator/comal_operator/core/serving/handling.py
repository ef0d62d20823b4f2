"""How requests are handled beside their split: rules, repeats, limits; all of it Envoy's doing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# As Azure ML's router knows it.
VARIANT_HEADER = "azureml-model-deployment"
_MEBIBYTE = 1024 * 1024


class Role(StrEnum):
    """What a revision is to the endpoint; a variant's role is its name."""

    STABLE = "Stable"
    CANDIDATE = "Candidate"
    PREVIOUS = "Previous"
    FOLLOWING = "Following"


@dataclass(frozen=True)
class Rule:
    """Requests with this header go to the revision that has the role, whatever the shares."""

    header: str
    value: str
    role: str


@dataclass(frozen=True)
class Mirror:
    """A share of all requests of which a revision gets a copy; nobody waits for its answers."""

    revision: str
    percent: str


@dataclass(frozen=True)
class Handling:
    """What the spec says about requests; the defaults are those of an empty spec."""

    rules: tuple[Rule, ...] = ()
    variants: tuple[str, ...] = ()
    """Names that callers may give as `VARIANT_HEADER`, beside the rules."""
    sticky_by: str | None = None
    """The header by whose hash a request finds its revision, within the shares."""
    mirror: Mirror | None = None
    suspended: bool = False
    """Whether nobody is answered but who names a revision or a variant."""
    repeats_errors: bool = False
    """Whether a request that the candidate answers with 5xx is sent to another revision."""
    repeatable_bytes: int = 4 * _MEBIBYTE
    """What is kept of a request to send it again."""
    body_bytes: int = 4 * _MEBIBYTE
    """Larger requests are refused with 413."""
    ip_allow: tuple[str, ...] = ()
    """Networks of callers; without any everybody may call."""
    proxies: tuple[str, ...] = ()
    """Networks of those who say in X-Forwarded-For for whom they call."""
    has_keys: bool = False
    """Whether callers must have a key."""
    key_rate: int | None = None
    """Requests a second that a key may make; more are refused with 429."""
    has_tls: bool = False
    """Whether callers come by https."""
