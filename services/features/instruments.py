"""What a features worker counts."""

from shared.telemetry import names
from shared.telemetry.instruments import Counter, Gauge

features = Counter(names.METRIC_FEATURES, "Feature jobs settled by this process.", ("settlement", "error_type"))
features_in_hand = Gauge(names.METRIC_FEATURES_IN_HAND, "Feature jobs that this worker is working on.")
