"""Who may call an endpoint, and how."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import UNIQUE, ApiType, ForeignName, Network, rule, rules


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
            ),
            rule(
                "!has(self.proxies) || self.proxies.size() == 0"
                " || (has(self.ipAllow) && self.ipAllow.size() > 0)",
                "access.proxies says whose X-Forwarded-For access.ipAllow believes:"
                " remove proxies, or say in ipAllow who may call",
            ),
        )
    )

    auth: Literal["Keys", "None"] = "Keys"
    """Keys: callers send one of two keys as `Authorization: Bearer <key>`. None: whoever reaches
    the routers may call.
    """
    keys: Keys | None = None
    """Where the keys come from."""
    ip_allow: Annotated[tuple[Network, ...], Field(max_length=64, json_schema_extra=UNIQUE)] = ()
    """Networks that callers come from, such as 10.1.0.0/16 or 10.1.2.3/32; all others are refused
    with 403. Everybody may come when left out. Beside the keys, not instead of them.
    """
    proxies: Annotated[tuple[Network, ...], Field(max_length=16, json_schema_extra=UNIQUE)] = ()
    """Networks of Gateways, ingress controllers and the like in front of the routers. For calls
    that they pass on, ipAllow looks at the last address in X-Forwarded-For; from anybody else that
    header is believed nothing.
    """
    tls: Tls | None = None
    """Serve https, on port 443 of the Service, and nothing else."""
