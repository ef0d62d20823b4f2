"""Alerts, dashboard and monitors: Prometheus' own checker reads them, and they find our Pods."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.paths import REPOSITORY
from monitoring import SHIPPED, dashboard, queries, rule_file
from serving_moments import serving
from unit.manifests.built import build, of_kind

TESTS = Path(__file__).with_name("rules_test.yaml")


def promtool(*arguments: str, folder: Path) -> None:
    program = shutil.which("promtool")
    assert program is not None, "promtool is missing: make dev"
    told = subprocess.run(
        [program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_alert_fires_for_what_it_is_about(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule_file()))
    shutil.copy(TESTS, tmp_path)
    promtool("check", "rules", "rules.yaml", folder=tmp_path)
    promtool("test", "rules", TESTS.name, folder=tmp_path)
    fired = {
        one["alertname"]
        for test in yaml.safe_load(TESTS.read_text())["tests"]
        for one in test["alert_rule_test"]
        if one["exp_alerts"]
    }
    assert fired == {rule["alert"] for group in rule_file()["groups"] for rule in group["rules"]}


def test_every_query_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    rules = [{"record": f"q{number}", "expr": query} for number, query in enumerate(queries())]
    file = {"groups": [{"name": "queries", "rules": rules}]}
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump(file))
    promtool("check", "rules", "--lint=none", "queries.yaml", folder=tmp_path)
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)


def a_pod(component: str) -> Any:
    if component == "operator":
        [made] = [
            one for one in build(REPOSITORY / "manifests" / "base") if one["kind"] == "Deployment"
        ]
        return made["spec"]["template"]
    return next(
        thing["spec"]["template"]
        for (kind, _), thing in serving().objects.items()
        if kind == "Deployment"
        and thing["metadata"]["labels"]["app.kubernetes.io/component"] == component
    )


@pytest.mark.parametrize("component", ["operator", "router", "scorer"])
def test_a_monitor_finds_the_pods_and_their_port(component: str) -> None:
    monitors = of_kind(build(SHIPPED), "PodMonitor")
    pod = a_pod(component)
    labels = pod["metadata"]["labels"]
    [found] = [
        one for one in monitors if one["spec"]["selector"]["matchLabels"].items() <= labels.items()
    ]
    ports = {port["name"] for one in pod["spec"]["containers"] for port in one["ports"]}
    assert {one["port"] for one in found["spec"]["podMetricsEndpoints"]} <= ports
    assert set(found["spec"].get("podTargetLabels", ())) <= set(labels)
