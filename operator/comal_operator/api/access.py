"""Who may call an endpoint, and how."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from comal_operator.api.meta import ApiType, ForeignName, rule, rules


def access_rules() -> list[tuple[str, str]]:
    """Return the rules between access and the rest of the spec."""
    return [
        rule(
            "!has(self.access.tls) || !(has(self.traffic.attach.parentRefs)"
            " || has(self.traffic.attach.ingress))",
            "a Gateway or Ingress ends TLS itself and speaks http to the routers:"
            " remove access.tls, or attach by traffic.attach.service",
        )
    ]


class Keys(ApiType):
    """Where the keys come from."""

    secret_name: ForeignName | None = None
    """A Secret of yours with the keys `primary` and `secondary`, 16 characters or more each; when
    left out one is made, with two random ones: see status.keysSecret.
    """


class Tls(ApiType):
    """The certificate that callers see."""

    secret_name: ForeignName
    """A Secret with tls.crt and tls.key, as cert-manager makes them; its renewals are followed."""


class Access(ApiType):
    """Who may call, and how."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.keys) || self.auth == 'Keys'",
                "access.keys goes with auth: Keys: remove keys, or ask for them by auth: Keys",
            )
        )
    )

    auth: Literal["Keys", "None"] = "Keys"
    """Keys: callers send one of two keys as `Authorization: Bearer <key>`. None: whoever reaches
    the routers may call.
    """
    keys: Keys | None = None
    """Where the keys come from."""
    tls: Tls | None = None
    """Serve https, on port 443 of the Service, and nothing else."""
