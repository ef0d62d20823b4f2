"""The queries of the dashboard and the alerts that we ship."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from cluster.paths import REPOSITORY

SHIPPED = REPOSITORY / "manifests" / "monitoring"


def rule_file() -> dict[str, Any]:
    """Return the alerts as a Prometheus reads them from a file."""
    return dict(yaml.safe_load((SHIPPED / "rules.yaml").read_text())["spec"])


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    return dict(json.loads((SHIPPED / "dashboard.json").read_text()))


def queries() -> list[str]:
    """Return every expression in PromQL; what Grafana fills in is filled in."""
    alerts = [rule["expr"] for group in rule_file()["groups"] for rule in group["rules"]]
    shown = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    filled = [re.sub(r"\$(namespace|endpoint)\b", ".*", query) for query in shown]
    return [*alerts, *(query.replace("$__rate_interval", "5m") for query in filled)]


def metrics_named() -> set[str]:
    """Return every metric that a query asks for; all of ours stand before a brace or a bracket."""
    words = {word for query in queries() for word in re.findall(r"[a-z_]+", query)}
    return {word for word in words if word.startswith(("comal_", "envoy_", "process_"))} - {
        # Labels: of Pods, of the router's own.
        "comal_dev_model_deployment",
        "comal_dev_revision",
        "envoy_http_conn_manager_prefix",
        "envoy_response_code_class",
    }
