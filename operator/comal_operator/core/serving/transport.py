"""TLS towards callers: a certificate in files, which Envoy follows when they change."""

from __future__ import annotations

from typing import Any

CERTIFICATE = "tls.crt"
PRIVATE_KEY = "tls.key"
TLS_FILE = "tls.json"
_NAME = "endpoint"

_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"


def certificate(folder: str) -> dict[str, Any]:
    """Return the resource of `TLS_FILE`: where the certificate is, and that it may change."""
    return {
        "@type": f"{_TYPE}.Secret",
        "name": _NAME,
        "tls_certificate": {
            "certificate_chain": {"filename": f"{folder}/{CERTIFICATE}"},
            "private_key": {"filename": f"{folder}/{PRIVATE_KEY}"},
            "watched_directory": {"path": folder},
        },
    }


def transport_socket(source: dict[str, Any]) -> dict[str, Any]:
    """Return a listener's socket with the certificate from `source`; TLS 1.2 or newer."""
    context = {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificate_sds_secret_configs": [{"name": _NAME, "sds_config": source}],
    }
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TYPE}.DownstreamTlsContext",
            "common_tls_context": context,
        },
    }
