"""Writes dashboards/*.json anew."""

from deploy.grafana.dashboards import DASHBOARDS
from deploy.grafana.writing import FOLDER, written

for dashboard in DASHBOARDS:
    (FOLDER / f"{dashboard.uid}.json").write_text(written(dashboard))
