"""What others write must not become as many series."""

import pytest
from prometheus_client import CollectorRegistry

from services.documents.metrics_page import INSTRUMENTS
from shared.telemetry.instruments import MAX_SERIES, OTHER, Counter, Gauge, Histogram

LABELLED = {one.name: one.instrument for one in INSTRUMENTS if one.labels}


@pytest.mark.parametrize("name", sorted(LABELLED))
def test_no_instrument_has_more_series_than_its_bound(name: str) -> None:
    instrument = LABELLED[name]
    kind = type(instrument)
    assert kind in (Counter, Gauge, Histogram), "a kind whose labels have no bound"
    labels = instrument._labelnames
    fresh = kind("fresh", "Like it.", labels, registry=CollectorRegistry())
    for number in range(3 * MAX_SERIES):
        fresh.labels(*(f"{label} {number}" for label in labels))
    fresh.labels(*(f"{label} 0" for label in labels))
    assert len(fresh._metrics) == MAX_SERIES
    assert (OTHER,) * len(labels) in fresh._metrics
