"""Which requests are sent again, and where to: how a bad candidate is hidden from callers."""

from __future__ import annotations

from typing import Any

from comal_operator.core.serving.handling import Role

# Set on each answer by a filter of the cluster, taken off before callers see it: of all that a
# retry may look at, Envoy can only match one header at a time.
ANSWERED_BY = "x-comal-answered-by"
# Enough for two Pods of the candidate and two of the stable revision that die together; after
# that the next priority is tried.
_TRIES_PER_PRIORITY = 4
_RETRIES = 8
# Where the candidate has 99.9 percent, one pick in a thousand is of another revision.
_PICKS = 2000

_RETRY = "type.googleapis.com/envoy.extensions.retry"
_MUTATION = "type.googleapis.com/envoy.extensions.filters.http"


def retry_policy(*, of_errors: bool, away_from_candidate: bool) -> dict[str, Any]:
    """Return what is tried again: requests that nobody answered.

    An answer with 5xx is one, and only when asked for (`of_errors`) and only of a candidate: there
    is another revision then that may do better. Repeating a stable revision's errors would double
    the work of who has too much already, which is what its 503 says.
    """
    policy: dict[str, Any] = {
        "retry_on": "connect-failure,refused-stream,reset",
        "num_retries": _RETRIES,
        "retry_back_off": {"base_interval": "0.002s", "max_interval": "0.02s"},
        "retry_host_predicate": [_previous_hosts()],
        "host_selection_retry_max_attempts": 5,
        # All of a priority may have died at once, before Envoy has found out.
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {
                "@type": f"{_RETRY}.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                "update_frequency": _TRIES_PER_PRIORITY,
            },
        },
    }
    if away_from_candidate:
        policy["retry_host_predicate"].append(_not_the_candidate())
        policy["host_selection_retry_max_attempts"] = _PICKS
    if of_errors:
        pattern = f"5[0-9]{{2}} {Role.CANDIDATE}"
        failed = {"name": ANSWERED_BY, "string_match": {"safe_regex": {"regex": pattern}}}
        policy["retry_on"] += ",retriable-headers"
        policy["retriable_headers"] = [failed]
    return policy


def _previous_hosts() -> dict[str, Any]:
    kind = f"{_RETRY}.host.previous_hosts.v3.PreviousHostsPredicate"
    return {
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typed_config": {"@type": kind},
    }


def _not_the_candidate() -> dict[str, Any]:
    kind = f"{_RETRY}.host.omit_host_metadata.v3.OmitHostMetadataConfig"
    role = {"filter_metadata": {"envoy.lb": {"role": Role.CANDIDATE}}}
    return {
        "name": "envoy.retry_host_predicates.omit_host_metadata",
        "typed_config": {"@type": kind, "metadata_match": role},
    }


def marked_answers() -> dict[str, Any]:
    """Return the cluster's options that put `ANSWERED_BY` (code and role) on each answer."""
    mark = {
        "header": {
            "key": ANSWERED_BY,
            "value": "%RESP(:STATUS)% %UPSTREAM_METADATA(envoy.lb:role)%",
        },
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
    mutation = {
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": f"{_MUTATION}.header_mutation.v3.HeaderMutation",
            "mutations": {"response_mutations": [{"append": mark}]},
        },
    }
    codec = {
        "name": "envoy.filters.http.upstream_codec",
        "typed_config": {"@type": f"{_MUTATION}.upstream_codec.v3.UpstreamCodec"},
    }
    options = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http_protocol_options": {}},
        "http_filters": [mutation, codec],
    }
    return {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options}
