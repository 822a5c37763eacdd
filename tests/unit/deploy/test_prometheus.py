"""Rules and dashboards, without a Prometheus that runs: what promtool finds, and what they say of themselves."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.dashboards import DASHBOARDS
from deploy.grafana.writing import FOLDER, Dashboard, written
from tests.support.prometheus import RULES, needs_prometheus, promtool

ROOT = Path(__file__).parents[3]
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((RULES / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]  # fmt: skip


@needs_prometheus
def test_promtool_takes_the_configuration_and_the_rules() -> None:
    said = promtool("check", "config", str(RULES / "prometheus.yml"))
    assert said.count("SUCCESS") == 4  # itself, and twice the rules that it names


@needs_prometheus
def test_alerts_fire_when_they_should_and_not_when_all_is_well() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(RULES / "alerts_test.yml"))


def test_every_alert_is_seen_to_fire() -> None:
    tested = (RULES / "alerts_test.yml").read_text()
    assert [one["alert"] for one in ALERTS if f'{{alertname="{one["alert"]}"}}' not in tested] == []


@pytest.mark.parametrize("alert", ALERTS, ids=[one["alert"] for one in ALERTS])
def test_an_alert_leads_to_its_part_of_a_runbook(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    page, _, part = alert["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^## (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert alert["annotations"]["summary"]
    assert (part, alert["alert"]) in {(heading.lower(), heading) for heading in headings}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=[one.uid for one in DASHBOARDS])
def test_a_dashboard_is_as_its_source_says(dashboard: Dashboard) -> None:
    assert (FOLDER / f"{dashboard.uid}.json").read_text() == written(dashboard), "run: python -m deploy.grafana"


def test_there_are_no_other_dashboards_and_every_panel_explains_itself() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == {one.uid for one in DASHBOARDS}
    for path in FOLDER.glob("*.json"):
        for panel in json.loads(path.read_text())["panels"]:
            assert panel["title"]
            assert len(panel["description"]) > 10, panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"]
