"""A dashboard as Grafana's JSON: nothing but what differs from its own defaults."""

import json
from pathlib import Path
from typing import Any, Literal, NamedTuple

FOLDER = Path(__file__).parent / "dashboards"

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_ACROSS, _WIDTH, _HEIGHT = 3, 8, 7  # of 24 columns


class Query(NamedTuple):
    """legend: with labels in double braces."""

    expr: str
    legend: str


class Panel(NamedTuple):
    """exemplars: dots that lead to traces. may_be_empty: why its queries may well find nothing."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Literal["timeseries", "stat"] = "timeseries"
    exemplars: bool = False
    may_be_empty: str = ""

    @property
    def told(self) -> str:
        return f"{self.description} {self.may_be_empty}".strip()


class Dashboard(NamedTuple):
    uid: str
    title: str
    description: str
    panels: tuple[Panel, ...]


def written(dashboard: Dashboard) -> str:
    return json.dumps(_dashboard(dashboard), indent=2) + "\n"


def _dashboard(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["tallygate"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "links": [{"type": "dashboards", "title": "Tallygate", "tags": ["tallygate"], "asDropdown": False}],
        "templating": {
            "list": [{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": [_panel(panel, number) for number, panel in enumerate(dashboard.panels)],
    }


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    return {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.told,
        "datasource": _DATASOURCE,
        "gridPos": {
            "x": number % _ACROSS * _WIDTH,
            "y": number // _ACROSS * _HEIGHT,
            "w": _WIDTH,
            "h": _HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [_target(query, ref, exemplar=panel.exemplars) for ref, query in enumerate(panel.queries)],
    }


def _target(query: Query, ref: int, *, exemplar: bool) -> dict[str, Any]:
    target = {"refId": "ABCDEF"[ref], "datasource": _DATASOURCE, "expr": query.expr, "legendFormat": query.legend}
    return target | ({"exemplar": True} if exemplar else {})
