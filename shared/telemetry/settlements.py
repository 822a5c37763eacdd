"""How inferences end, whoever settles them: gateway, router or monitor."""

from shared.telemetry import names
from shared.telemetry.instruments import Counter

settlements = Counter(names.METRIC_SETTLEMENTS, "Inferences settled by this process.", ("settlement", "error_type"))
