"""What of the worker's tables is sealed, and as what: services.rotation reseals it."""

from shared.crypto.places import SealedPlace

_JOB = (("feature_id", "uuid"),)
_STEP = (("feature_id", "uuid"), ("step_key", "text"))

SEALED_PLACES = (
    SealedPlace("features.jobs", "event", _JOB, "feature", field="sealed_input"),
    # Written before it is published and then removed, so it is seldom there; the gateway stores what it holds.
    SealedPlace("features.jobs", "settled_event", _JOB, "feature_result", field="sealed_result"),
    SealedPlace("features.steps", "sealed_value", _STEP, "feature_step/{feature_id}"),
)
