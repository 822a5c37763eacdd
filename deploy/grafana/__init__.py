"""What Grafana loads: dashboards, which `python -m deploy.grafana` writes as JSON, and where it finds them."""
