"""How many requests one key may make: Envoy's local rate limit, a bucket of tokens for each key.

Every router counts for itself, so each has its part of what a key may.
"""

from __future__ import annotations

from typing import Any

from comal_operator.core.serving.keys import AUTHORIZATION, KEYS

# Routers of an endpoint, among which callers are spread.
ROUTERS = 2

_TYPE = "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
_DESCRIPTOR = "key"
_NO_LIMIT = 4_000_000_000
_ALWAYS = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}


def key_rate_filter(per_second: int) -> dict[str, Any]:
    """Return the filter that tells a key's callers 429; it stands where the key is still known.

    A router fills a bucket once in as many seconds as there are routers, so that one request a
    second is a limit too. Requests without a key come this far only to open paths.
    """
    action = {"request_headers": {"header_name": AUTHORIZATION, "descriptor_key": _DESCRIPTOR}}
    # An entry without a value is a bucket for each value that comes; wrong keys come no further
    # than the check before this.
    descriptor = {"entries": [{"key": _DESCRIPTOR}], "token_bucket": _bucket(per_second)}
    return {
        "name": "envoy.filters.http.local_ratelimit",
        "typed_config": {
            "@type": _TYPE,
            "stat_prefix": "keys",
            "filter_enabled": _ALWAYS,
            "filter_enforced": _ALWAYS,
            "token_bucket": _bucket(_NO_LIMIT),
            "rate_limits": [{"actions": [action]}],
            "descriptors": [descriptor],
            # Both keys, and those that they follow when keys change.
            "max_dynamic_descriptors": 4 * len(KEYS),
        },
    }


def _bucket(tokens: int) -> dict[str, Any]:
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": f"{ROUTERS}s"}
