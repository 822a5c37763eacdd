"""docs/metrics.md lists every metric that the code has."""

from prometheus_client import REGISTRY

import services.__main__ as every_service
from services.documents.metrics_page import INSTRUMENTS
from shared.telemetry import names
from shared.telemetry.instruments import Counter, Gauge, Histogram

_DECLARED = {value for name, value in vars(names).items() if name.startswith("METRIC_")}


def test_every_instrument_is_in_the_table_under_a_declared_name() -> None:
    assert every_service.app is not None  # all services' modules are loaded
    known = {one.instrument for one in INSTRUMENTS}
    others = [
        one
        for one in REGISTRY._collector_to_names
        if isinstance(one, Counter | Gauge | Histogram) and one not in known and not one._name.startswith("test_")
    ]
    assert not others, "instruments that services.documents.metrics_page does not know"
    assert {one.name for one in INSTRUMENTS} == _DECLARED
