"""How calls end, whoever says so: a router, or the monitor for one that was lost."""

from shared.telemetry import names
from shared.telemetry.instruments import Counter

attempts = Counter(
    names.METRIC_ATTEMPTS,
    "Model calls ended, as they were reported; the monitor closes those of lost routers.",
    ("model", "outcome", "error_type"),
)

CUSTOM = "custom"


def model_label(model_id: str, *, told: bool) -> str:
    """Of a model of the deployment its id. Tenants name as many as they like, and some with words of their own: theirs
    are all the same, unless their names are to be told."""
    return CUSTOM if not told and model_id.startswith(f"{CUSTOM}:") else model_id
